// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/snapshot_signature.h>
#include <faasnap/vm_options.h>

#include "settings/config.h"
#include "settings/options.h"
#include "settings/store_settings.h"

namespace faasnap::cli {

// The options that several commands share: where the images are, and what VM to boot. Precedence:
// option, environment, settings file, default.

void add_config_option(CommandLine& line);
// Adds --images and, if `boots`, the options of a VM that is booted.
void add_image_options(CommandLine& line, bool boots);

// Adds --in-process, for a command that runs VMs.
void add_worker_option(CommandLine& line);
// Returns the worker for a VM: a process of its own, unless the option or the settings file say
// otherwise. The first VM's begins to start now, beside whatever the command does before it.
std::optional<WorkerOptions> worker_options(const CommandLine& line, const Config& config);

// Returns the directory of kernel, initramfs, root image and inputs: that of the image that --image
// names, if the command has this option.
std::filesystem::path images_directory(const CommandLine& line, const Config& config);

// Returns the directory of the images that `faasnap image make` makes: what --images says, or the
// user's own. Throws UsageError if there is no home for the default.
std::filesystem::path named_images(const CommandLine& line);
// Returns the directory of images where no option names another.
std::filesystem::path default_images_directory(const Config& config);

// Adds --allow-images, for a command that uses the images that a snapshot names.
void add_image_directories_option(CommandLine& line);
// Returns the directories that those may be in: what --allow-images says, the directory of images,
// the user's named images, those of the images in the settings file, and the catalogue's.
std::vector<std::filesystem::path> image_directories(const CommandLine& line, const Config& config);

// Adds --trusted-key, for a command that opens a snapshot; `what` is refused without a signature.
void add_trusted_key_option(CommandLine& line, const std::string& what = "the snapshot");
// Returns the public keys that --trusted-key names and those of the settings file, or nothing if
// there is none: any snapshot is taken then.
std::optional<TrustedKeys> trusted_keys(const CommandLine& line, const Config& config);
// Adds --bases, for a command that opens a snapshot.
void add_bases_option(CommandLine& line);
// Returns the directories that it names.
std::vector<std::filesystem::path> base_directories(const CommandLine& line);
// Opens the snapshot, whose bases are in those directories or beside it; it must be signed by one
// of the keys, if there are any.
Snapshot open_snapshot(const CommandLine& line, const std::filesystem::path& directory,
                       const std::optional<TrustedKeys>& keys);
// The same for a command without --bases.
Snapshot open_snapshot(const std::filesystem::path& directory,
                       const std::optional<TrustedKeys>& keys,
                       std::span<const std::filesystem::path> bases = {});

// Returns what to boot; checks that every file exists. `words` are added to the kernel command
// line. If an image is missing, throws Failure that says how to make the images.
VmOptions vm_options(const CommandLine& line, const Config& config, const std::string& words);

// Opens the object store and puts the inputs of the images directory that it lacks.
std::shared_ptr<ObjectStore> prepare_store(const CommandLine& line, const Config& config);

}  // namespace faasnap::cli
