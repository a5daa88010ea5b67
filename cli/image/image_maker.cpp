// SPDX-License-Identifier: Apache-2.0

#include "image/image_maker.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include "image/archive_source.h"
#include "image/directory_source.h"
#include "image/erofs_reader.h"
#include "image/erofs_writer.h"
#include "image/function_source.h"
#include "image/image_config.h"
#include "image/oci_source.h"
#include "image/sha256.h"
#include "output/line_text.h"
#include "tools/command_line.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRootImage = "rootfs.img";
constexpr const char* kBootFiles[] = {"vmlinux", "initramfs"};
// Those of rootfs/build.
constexpr std::int64_t kDefaultTime = 1'700'000'000;
constexpr std::array<std::uint8_t, 16> kRootUuid = {0x66, 0x61, 0x73, 0x6e, 0x61, 0x70, 0x40, 0x00,
                                                    0x80, 0x00, 0x72, 0x6f, 0x6f, 0x74, 0x66, 0x73};
constexpr std::uint64_t kLargestConfig = 1 << 20;
constexpr std::uint64_t kLargestPython = 16 << 20;

std::optional<std::int64_t> source_date_epoch() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') {
    return std::nullopt;
  }
  const auto seconds = tools::parse_number(text);
  if (!seconds || *seconds > (std::uint64_t{1} << 40)) {
    throw tools::UsageError(
        fmt::format("SOURCE_DATE_EPOCH={}: expected seconds since the Unix epoch", text));
  }
  return static_cast<std::int64_t>(*seconds);
}

// A copy of a file, with clones of its blocks where the file system has them.
void copy_boot_file(const fs::path& from, const fs::path& to) {
  if (!std::ifstream(from) || !fs::is_regular_file(from)) {
    throw tools::Failure(
        fmt::format("{}: cannot be read; --base names the directory or the image that the kernel "
                    "and the initramfs are taken from",
                    from.string()));
  }
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) {
    throw tools::Failure(fmt::format("{}: cannot be written: {}", to.string(), error.message()));
  }
  fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                          fs::perms::others_read);
}

class ImageMaker {
 public:
  ImageMaker(const ImageStore& store, const ImageRequest& request, Steps& steps)
      : store_(store),
        request_(request),
        steps_(steps),
        budget_(request.most),
        latest_(source_date_epoch()),
        tree_(latest_.value_or(kDefaultTime)),
        name_(line_text(request.source.string())) {}

  tools::Json make() {
    const struct stat source = look_at_source();
    if (!request_.replace && store_.has(request_.name)) {
      throw tools::Failure(
          fmt::format("image '{}' already exists; --force replaces it", request_.name));
    }
    NewImage made(store_);
    directory_ = made.directory();
    for (const char* file : kBootFiles) {
      copy_boot_file(request_.base / file, directory_ / file);
    }
    spool_.emplace(directory_);
    if (S_ISDIR(source.st_mode)) {
      read_source_directory();
    } else {
      read_source_file(static_cast<std::uint64_t>(source.st_size));
    }
    configure();
    write_root_image();
    tools::Json manifest = write_manifest();
    steps_.begin("make the image durable");
    made.commit(request_.name, request_.replace);
    steps_.done();
    return manifest;
  }

 private:
  [[noreturn]] void reject(std::string_view reason) const {
    throw tools::Failure(fmt::format("{}: {}", name_, reason));
  }

  struct stat look_at_source() const {
    struct stat status {};
    if (::stat(request_.source.c_str(), &status) != 0) {
      reject(fmt::format("cannot be read: {}", std::strerror(errno)));
    }
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
      reject("is neither a directory nor a regular file");
    }
    return status;
  }

  bool has_in_source(const char* file) const { return fs::exists(request_.source / file); }

  void read_source_directory() {
    if (has_in_source("oci-layout")) {
      Budget budget(request_.most);
      FileTree files(kDefaultTime);
      read_directory(request_.source, files, budget);
      read_oci(files);
    } else if (request_.handler || has_in_source("bootstrap")) {
      steps_.begin("read the function");
      FileTree function(latest_.value_or(kDefaultTime));
      read_directory(request_.source, function, budget_);
      put_on_base(function);
    } else {
      steps_.begin("read the directory");
      kind_ = "directory";
      read_directory(request_.source, tree_, budget_);
    }
  }

  void read_source_file(std::uint64_t size) {
    const auto file = std::make_shared<HostFile>(fs::canonical(request_.source), size);
    const bool python = request_.source.extension() == ".py";
    steps_.begin(python ? "read the function" : "unpack the archive");
    if (python) {
      FileTree function(latest_.value_or(kDefaultTime));
      const std::string file_name = request_.source.filename().string();
      // Its time would differ with each checkout, and nothing depends on it.
      function.put(file_name, {.modified = latest_.value_or(kDefaultTime), .content = file});
      handler_ = usual_handler(file_name, read_all(*file, kLargestPython, name_));
      put_on_base(function);
    } else if (is_zip(*file)) {
      FileTree function(latest_.value_or(kDefaultTime));
      read_archive(*file, name_, ArchiveKind::zip, function, *spool_, budget_);
      digest_ = "sha256:" + sha256(*file);
      put_on_base(function);
    } else {
      read_tar(*file);
    }
  }

  void read_tar(const ByteSource& file) {
    Budget budget(request_.most);
    FileTree files(latest_.value_or(kDefaultTime));
    read_archive(file, name_, ArchiveKind::files, files, *spool_, budget);
    if (is_oci(files)) {
      read_oci(files);
      return;
    }
    kind_ = "archive";
    digest_ = "sha256:" + sha256(file);
    tree_ = std::move(files);
  }

  void read_oci(const FileTree& files) {
    const OciImage image = open_oci(files, name_, request_.tag, [&](const std::string& part) {
      steps_.begin(fmt::format("check {:.19}", part));
    });
    kind_ = "container image";
    digest_ = image.digest;
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
      steps_.begin(fmt::format("unpack layer {} of {}", i + 1, image.layers.size()));
      tree_.begin_layer();
      read_archive(*image.layers[i].archive, fmt::format("{}: {}", name_, image.layers[i].name),
                   ArchiveKind::layer, tree_, *spool_, budget_);
    }
    apply(config_, image.config, name_, true);
  }

  void put_on_base(const FileTree& function) {
    kind_ = "function";
    const fs::path root_image = request_.base / kRootImage;
    if (!std::ifstream(root_image)) {
      throw tools::Failure(fmt::format("{}: cannot be read; a function needs a base image (--base)",
                                       root_image.string()));
    }
    read_erofs(root_image, tree_, budget_);
    if (const FileNode* file = tree_.find(kConfigPath); file != nullptr && file->content) {
      const std::string what = fmt::format("{}: {}", root_image.string(), kConfigPath);
      const auto object = tools::parse_json(read_all(*file->content, kLargestConfig, what));
      apply(config_, object.value_or(tools::Json()), what, false);
    }
    put_function(function, tree_);
  }

  void configure() {
    config_.name = request_.name;
    config_.handler = request_.handler.value_or(handler_);
    apply(config_, request_.config, "--image-config", false);
    if (kind_ == "function") {
      configure_function(tree_, config_);
    } else if (request_.handler && !config_.entrypoint.empty()) {
      config_.command = {*request_.handler};
    }
    // What the request says comes last, too.
    apply(config_, request_.config, "--image-config", false);
    if (request_.entrypoint) {
      config_.entrypoint = {*request_.entrypoint};
      config_.command.clear();
    }
    if (request_.needs_entrypoint) {
      check_runs(tree_, config_);
    }
    FileNode file;
    file.modified = latest_.value_or(kDefaultTime);
    file.content = std::make_shared<TextSource>(tools::to_text(to_json(config_), true) + "\n");
    tree_.put(kConfigPath, std::move(file));
  }

  void write_root_image() {
    steps_.begin("write the root file system");
    const fs::path path = directory_ / kRootImage;
    const tools::Descriptor fd = tools::open_file(path, O_RDWR | O_CREAT | O_EXCL);
    const ErofsOptions options{
        .uuid = kRootUuid, .time = latest_.value_or(kDefaultTime), .latest = latest_};
    write_erofs(tree_, fd.get(), path.string(), options, steps_.progress());
  }

  tools::Json write_manifest() {
    tools::Json manifest;
    manifest["format"] = 1;
    manifest["name"] = request_.name;
    manifest["created"] =
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                    fmt::gmtime(latest_ ? static_cast<std::time_t>(*latest_) : std::time(nullptr)));
    manifest["source"] = {{"kind", kind_},
                          {"path", fs::absolute(request_.source).lexically_normal().string()}};
    if (!digest_.empty()) {
      manifest["source"]["digest"] = digest_;
    }
    manifest["base"] = fs::absolute(request_.base).lexically_normal().string();
    steps_.begin("add up the files");
    for (const char* file : {kRootImage, kBootFiles[0], kBootFiles[1]}) {
      manifest["files"][file] = {{"bytes", fs::file_size(directory_ / file)},
                                 {"sha256", sha256_of_file(directory_ / file, steps_.progress())}};
    }
    manifest["config"] = to_json(config_);
    const fs::path path = directory_ / "image.json";
    std::ofstream stream(path);
    stream << tools::to_text(manifest, true) << "\n";
    stream.close();
    if (!stream) {
      throw tools::Failure(fmt::format("{}: cannot be written", path.string()));
    }
    return manifest;
  }

  const ImageStore& store_;
  const ImageRequest& request_;
  Steps& steps_;
  Budget budget_;
  std::optional<std::int64_t> latest_;
  FileTree tree_;
  std::string name_;
  fs::path directory_;
  std::optional<Spool> spool_;
  std::string kind_;
  std::string digest_;
  std::string handler_;
  ImageConfig config_;
};

}  // namespace

tools::Json make_image(const ImageStore& store, const ImageRequest& request, Steps& steps) {
  // libarchive asks the C library how names are spelt and in which zone times of zip archives are.
  // The result must not depend on the caller's settings.
  ::setlocale(LC_CTYPE, "C.UTF-8");
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  return ImageMaker(store, request, steps).make();
}

}  // namespace faasnap::cli
