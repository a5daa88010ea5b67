// SPDX-License-Identifier: Apache-2.0

#include "settings/vm_settings.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "image/image_store.h"
#include "run/interruption.h"
#include "run/started_worker.h"
#include "settings/disk_settings.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultImages = "/usr/share/faasnap/images";
constexpr Bytes kLeastMemory = 128_MiB;
constexpr Bytes kMostMemory = 16_GiB;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

// Returns the user's directory of named images, if there is a home for it.
std::optional<fs::path> own_images() {
  for (const auto& [variable, below] :
       {std::pair{"XDG_DATA_HOME", "faasnap/images"}, {"HOME", ".local/share/faasnap/images"}}) {
    if (const auto found = environment(variable)) {
      return fs::path(*found) / below;
    }
  }
  return std::nullopt;
}

// Returns the first path that is set.
template <typename... Rest>
fs::path choose(const std::optional<std::string>& option, const Rest&... rest) {
  fs::path chosen = option.value_or("");
  const auto consider = [&](const auto& next) {
    if (chosen.empty() && next) {
      chosen = *next;
    }
  };
  (consider(rest), ...);
  return chosen;
}

fs::path find_image(const CommandLine& line, const char* option,
                    const std::optional<fs::path>& configured, const fs::path& fallback) {
  const fs::path path = choose(line.optional_text(option), configured, std::optional(fallback));
  if (!std::ifstream(path) || fs::is_directory(path)) {
    throw tools::Failure(
        fmt::format("{} {}: cannot be read; make the images with `./dev images`, or name "
                    "their directory with --images DIR or $FAASNAP_IMAGES",
                    option, path.string()));
  }
  return fs::absolute(path);
}

Bytes memory_size(const CommandLine& line, const Config& config, Bytes fallback) {
  const auto given = line.optional_text("memory");
  const Bytes size = given ? parse_size(*given, "--memory") : config.vm.memory.value_or(fallback);
  if (size < kLeastMemory || size > kMostMemory) {
    throw tools::UsageError("memory must be from 128M to 16G");
  }
  return size;
}

unsigned vcpu_count(const CommandLine& line, const Config& config, unsigned fallback) {
  const auto given = line.optional_number("vcpus", 1, 8);
  const unsigned count = given ? static_cast<unsigned>(*given) : config.vm.vcpus.value_or(fallback);
  if (count == 0) {
    throw tools::UsageError("vcpus must be from 1 to 8");
  }
  return count;
}

}  // namespace

void add_config_option(CommandLine& line) {
  line.option("config", "FILE", "settings file (default: $FAASNAP_CONFIG)");
}

void add_image_options(CommandLine& line, bool boots) {
  line.option("images", "DIR",
              fmt::format("directory of vmlinux, initramfs, rootfs.img and inputs/ (default: "
                          "$FAASNAP_IMAGES or {})",
                          kDefaultImages));
  if (boots) {
    line.option("image", "NAME",
                "image made by `faasnap image make`, in --images or the user's own directory of "
                "images");
    line.option("kernel", "FILE", "bzImage or ELF vmlinux");
    line.option("initramfs", "FILE", "initial file system");
    line.option("root-image", "FILE", "root file system");
    line.option("vcpus", "N", "virtual CPUs, 1 to 8 (default: 2)");
    line.option("memory", "SIZE", "guest memory, 128M to 16G (default: 2G)");
    add_disk_options(line);
  }
}

void add_worker_option(CommandLine& line) {
  line.flag("in-process", "run the VM in this process, without a confined one of its own");
}

std::optional<WorkerOptions> worker_options(const CommandLine& line, const Config& config) {
  const bool here = line.has("in-process") || config.vm.in_process.value_or(false);
  return here ? std::nullopt : std::optional(started_worker());
}

fs::path named_images(const CommandLine& line) {
  const auto own = own_images();
  const fs::path directory = choose(line.optional_text("images"), own);
  if (directory.empty()) {
    throw tools::UsageError("--images is missing, and so are $XDG_DATA_HOME and $HOME");
  }
  return directory;
}

fs::path default_images_directory(const Config& config) {
  return choose(std::nullopt, environment("FAASNAP_IMAGES"), config.images.directory,
                std::optional<fs::path>(kDefaultImages));
}

fs::path images_directory(const CommandLine& line, const Config& config) {
  if (const auto name = line.optional_text("image")) {
    return ImageStore(named_images(line)).find(*name);
  }
  return choose(line.optional_text("images"), std::optional(default_images_directory(config)));
}

void add_image_directories_option(CommandLine& line) {
  line.list("allow-images", "DIR",
            "use a root image that the snapshot names below DIR, too, and not only in the "
            "directory of\nimages and the catalogue; / allows every file; repeatable");
}

std::vector<fs::path> image_directories(const CommandLine& line, const Config& config) {
  std::vector<fs::path> directories{images_directory(line, config)};
  if (const auto own = own_images()) {
    directories.push_back(*own);
  }
  for (const std::string& allowed : line.texts("allow-images")) {
    directories.emplace_back(allowed);
  }
  for (const auto& image :
       {config.images.kernel, config.images.initramfs, config.images.root_image}) {
    if (image) {
      directories.push_back(fs::absolute(*image).parent_path());
    }
  }
  if (config.catalogue.directory) {
    directories.push_back(*config.catalogue.directory / "images");
  }
  return directories;
}

void add_trusted_key_option(CommandLine& line, const std::string& what) {
  line.list("trusted-key", "FILE",
            fmt::format("refuse {} unless it is signed by this public key (PEM), or by one of "
                        "several;\nrepeatable",
                        what));
}

std::optional<TrustedKeys> trusted_keys(const CommandLine& line, const Config& config) {
  std::vector<fs::path> files = config.restore.trusted_keys;
  for (const std::string& file : line.texts("trusted-key")) {
    files.emplace_back(file);
  }
  return files.empty() ? std::nullopt : std::optional(TrustedKeys(files));
}

void add_bases_option(CommandLine& line) {
  line.list("bases", "DIR",
            "look for the base of a layer in this directory, too, and not only beside the "
            "snapshot;\nrepeatable");
}

std::vector<fs::path> base_directories(const CommandLine& line) {
  std::vector<fs::path> directories;
  for (const std::string& directory : line.texts("bases")) {
    directories.emplace_back(directory);
  }
  return directories;
}

Snapshot open_snapshot(const CommandLine& line, const fs::path& directory,
                       const std::optional<TrustedKeys>& keys) {
  return open_snapshot(directory, keys, base_directories(line));
}

Snapshot open_snapshot(const fs::path& directory, const std::optional<TrustedKeys>& keys,
                       std::span<const fs::path> bases) {
  return keys ? open_signed(directory, *keys, bases) : Snapshot::open(directory, bases);
}

VmOptions vm_options(const CommandLine& line, const Config& config, const std::string& words) {
  VmOptions options;
  options.worker = worker_options(line, config);
  options.vcpus = vcpu_count(line, config, options.vcpus);
  options.memory = memory_size(line, config, options.memory);
  GuestDisks disks = guest_disks(line);
  options.disks = std::move(disks.disks);
  options.command_line += disks.words;
  set_disk_options(line, options.attachments);
  const fs::path directory = images_directory(line, config);
  // An image that is named comes before those of the settings file.
  const auto images = line.has("image") ? decltype(config.images){} : config.images;
  options.kernel = find_image(line, "kernel", images.kernel, directory / "vmlinux");
  options.initramfs = find_image(line, "initramfs", images.initramfs, directory / "initramfs");
  options.root_image = find_image(line, "root-image", images.root_image, directory / "rootfs.img");
  options.attachments.limits.store = store_limits(config);
  options.command_line += words.empty() ? " quiet" : " quiet " + words;
  return options;
}

std::shared_ptr<ObjectStore> prepare_store(const CommandLine& line, const Config& config) {
  const ChosenStore store = open_store(line, config);
  const fs::path inputs = images_directory(line, config) / "inputs";
  if (fs::is_directory(inputs)) {
    fill_store(*store.objects, inputs, false, [](const std::string&) { Interruption::check(); });
  }
  return store.objects;
}

}  // namespace faasnap::cli
