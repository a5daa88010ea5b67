// SPDX-License-Identifier: Apache-2.0

#include "image/oci_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "image/sha256.h"
#include "output/line_text.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

using tools::Json;

constexpr std::uint64_t kLargestDocument = 4 << 20;
constexpr unsigned kMostIndexLevels = 3;
constexpr std::string_view kSha256 = "sha256:";
constexpr const char* kTagKey = "org.opencontainers.image.ref.name";

// Returns the member, or null for what is not an object or has none of that name.
const Json& member(const Json& object, const std::string& key) {
  static const Json kNothing;
  return object.is_object() && object.contains(key) ? object[key] : kNothing;
}

std::string text_member(const Json& object, const std::string& key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

class OciReader {
 public:
  OciReader(const FileTree& files, const std::string& name, const std::optional<std::string>& tag,
            const std::function<void(const std::string&)>& progress)
      : files_(files), name_(name), tag_(tag), progress_(progress) {}

  // By index.json, image-layout.md.
  OciImage read_layout() {
    collect(document(file("index.json"), "index.json"), kMostIndexLevels, "");
    if (candidates_.empty()) {
      reject(fmt::format("has no image for linux/amd64{}{}",
                         tag_ ? " with the tag " + line_text(*tag_) : "",
                         others_.empty() ? "" : ", but for" + line_text(others_)));
    }
    if (candidates_.size() > 1) {
      reject(fmt::format("has several images: name one with --tag ({})", names()));
    }
    OciImage image;
    image.digest = candidates_[0].digest;
    const Json manifest = document(blob(image.digest), image.digest);
    const std::string config = text_member(member(manifest, "config"), "digest");
    take_config(document(blob(config), config), image);
    const Json& layers = member(manifest, "layers");
    check(layers.is_array(), "has a manifest without layers");
    for (const Json& layer : layers) {
      const std::string digest = text_member(layer, "digest");
      if (text_member(layer, "mediaType").find("encrypted") != std::string::npos) {
        reject(fmt::format("layer {} is encrypted", line_text(digest)));
      }
      image.layers.push_back({"layer " + digest, blob(digest)});
    }
    return image;
  }

  // By manifest.json, which only `docker save` writes.
  OciImage read_saved() {
    const Json manifest = document(file("manifest.json"), "manifest.json");
    const Json& chosen = saved_image(manifest);
    OciImage image;
    const std::string config = text_member(chosen, "Config");
    const auto bytes = file(config);
    take_config(document(bytes, config), image);
    image.digest = std::string(kSha256) + sha256(*bytes);
    check(member(chosen, "Layers").is_array(), "has a manifest.json without layers");
    for (const Json& layer : chosen["Layers"]) {
      check(layer.is_string(), "has a manifest.json without layers");
      image.layers.push_back({layer.get<std::string>(), file(layer.get<std::string>())});
    }
    return image;
  }

 private:
  struct Candidate {
    std::string digest;
    std::string tag;
  };

  [[noreturn]] void reject(const std::string& reason) const {
    throw tools::Failure(fmt::format("{}: {}", name_, reason));
  }

  void check(bool good, const std::string& reason) const {
    if (!good) {
      reject(reason);
    }
  }

  std::shared_ptr<const ByteSource> file(const std::string& path) const {
    const FileNode* found = files_.find(path);
    if (path.empty() || found == nullptr || found->kind != FileKind::regular || !found->content) {
      reject(fmt::format("lacks the file '{}'", line_text(path)));
    }
    return found->content;
  }

  std::shared_ptr<const ByteSource> blob(const std::string& digest) const {
    const std::string hex = digest.starts_with(kSha256) ? digest.substr(kSha256.size()) : "";
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
      reject(fmt::format("names a part by '{}', expected sha256:...", line_text(digest)));
    }
    progress_(digest);
    auto bytes = file("blobs/sha256/" + hex);
    if (sha256(*bytes) != hex) {
      reject(fmt::format("blobs/sha256/{}: the content does not have this sum", hex));
    }
    return bytes;
  }

  Json document(const std::shared_ptr<const ByteSource>& bytes, const std::string& what) const {
    auto json = tools::parse_json(
        read_all(*bytes, kLargestDocument, fmt::format("{}: {}", name_, line_text(what))));
    if (!json) {
      reject(fmt::format("{} is not JSON", line_text(what)));
    }
    return std::move(*json);
  }

  // Collects the manifests of an index that fit, also those in indices that it names.
  void collect(const Json& index, unsigned levels, const std::string& tag_above) {
    const Json& manifests = member(index, "manifests");
    check(manifests.is_array() && levels > 0, "has an index without manifests");
    for (const Json& each : manifests) {
      const std::string own_tag = text_member(member(each, "annotations"), kTagKey);
      const std::string& tag = own_tag.empty() ? tag_above : own_tag;
      const Json& platform = member(each, "platform");
      const std::string digest = text_member(each, "digest");
      if (text_member(each, "mediaType").find("index") != std::string::npos ||
          text_member(each, "mediaType").find("manifest.list") != std::string::npos) {
        collect(document(blob(digest), digest), levels - 1, tag);
      } else if ((!platform.is_object() || (text_member(platform, "architecture") == "amd64" &&
                                            text_member(platform, "os") == "linux")) &&
                 (!tag_ || *tag_ == tag)) {
        candidates_.push_back({digest, tag});
      } else if (platform.is_object()) {
        others_ += " " + text_member(platform, "architecture");
      }
    }
  }

  std::string names() const {
    std::vector<std::string> names;
    for (const Candidate& each : candidates_) {
      names.push_back(line_text(each.tag.empty() ? each.digest : each.tag));
    }
    return fmt::to_string(fmt::join(names, ", "));
  }

  const Json& saved_image(const Json& manifest) const {
    check(manifest.is_array() && !manifest.empty(), "has a manifest.json without images");
    if (!tag_) {
      check(manifest.size() == 1, "has several images: name one with --tag");
      return manifest[0];
    }
    for (const Json& each : manifest) {
      const Json& tags = member(each, "RepoTags");
      if (tags.is_array() && std::ranges::find(tags, Json(*tag_)) != tags.end()) {
        return each;
      }
    }
    reject(fmt::format("has no image with the tag {}", line_text(*tag_)));
  }

  void take_config(const Json& config, OciImage& image) const {
    const std::string architecture = text_member(config, "architecture");
    const std::string system = text_member(config, "os");
    if (architecture != "amd64" || system != "linux") {
      reject(fmt::format("is an image for {}/{}, expected linux/amd64",
                         line_text(system.empty() ? "unknown" : system),
                         line_text(architecture.empty() ? "unknown" : architecture)));
    }
    if (const Json& parameters = member(config, "config"); parameters.is_object()) {
      image.config = parameters;
    }
  }

  const FileTree& files_;
  const std::string& name_;
  const std::optional<std::string>& tag_;
  const std::function<void(const std::string&)>& progress_;
  std::vector<Candidate> candidates_;
  std::string others_;
};

}  // namespace

bool is_oci(const FileTree& files) {
  return files.find("oci-layout") != nullptr || files.find("manifest.json") != nullptr;
}

OciImage open_oci(const FileTree& files, const std::string& name,
                  const std::optional<std::string>& tag,
                  const std::function<void(const std::string&)>& progress) {
  OciReader reader(files, name, tag, progress);
  return files.find("oci-layout") != nullptr ? reader.read_layout() : reader.read_saved();
}

}  // namespace faasnap::cli
