#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <faasnap/vm_options.h>

#include "settings/config.h"
#include "settings/options.h"
#include "settings/store_settings.h"

namespace faasnap::cli {

// The options that several commands share: where images are, and what VM to boot. An option comes
// before the environment, that before the settings file, that before the defaults.

void add_config_option(CommandLine& line);
// --images, and with `boots` the options of a VM that is booted.
void add_image_options(CommandLine& line, bool boots);

// The directory that holds kernel, initramfs, root image and inputs.
std::filesystem::path images_directory(const CommandLine& line, const Config& config);

// What to boot; every file has been found. `words` are added to the kernel command line. Throws
// Failure that says how to come by images when one is missing.
VmOptions vm_options(const CommandLine& line, const Config& config, const std::string& words);

// Opens the object store and puts the inputs of the images directory that it lacks.
std::shared_ptr<ObjectStore> prepare_store(const CommandLine& line, const Config& config);

}  // namespace faasnap::cli
