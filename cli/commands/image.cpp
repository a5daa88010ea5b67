// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <faasnap/error.h>
#include <faasnap/snapshot.h>

#include "commands/commands.h"
#include "image/image_maker.h"
#include "image/image_store.h"
#include "output/line_text.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "settings/subcommands.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

void add_store_option(CommandLine& line) {
  line.option("images", "DIR",
              "directory of the images (default: $XDG_DATA_HOME/faasnap/images or "
              "~/.local/share/faasnap/images)");
}

ImageStore open_images(const CommandLine& line) { return ImageStore(named_images(line)); }

// A name, or a path with a slash; the default is that of other commands.
fs::path base_directory(const CommandLine& line, const ImageStore& store) {
  const auto base = line.optional_text("base");
  if (!base) {
    return default_images_directory(load_config(line.optional_text("config")));
  }
  return base->find('/') == std::string::npos ? store.find(*base) : fs::path(*base);
}

tools::Json image_config(const CommandLine& line) {
  const auto text = line.optional_text("image-config");
  return text ? parse_object(*text, "--image-config") : tools::Json::object();
}

std::string size_text(const tools::Json& manifest) {
  std::uint64_t bytes = 0;
  for (const auto& file : manifest["files"]) {
    bytes += file.value("bytes", std::uint64_t{0});
  }
  return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20);
}

std::string joined(const tools::Json& texts) {
  std::vector<std::string> words;
  for (const tools::Json& text : texts) {
    words.push_back(line_text(text.get<std::string>()));
  }
  return fmt::to_string(fmt::join(words, " "));
}

void print_image(const fs::path& directory, const tools::Json& manifest) {
  const tools::Json& config = manifest.at("config");
  const auto row = [](std::string_view what, const std::string& text) {
    if (!text.empty()) {
      fmt::print("  {:<13} {}\n", what, text);
    }
  };
  const auto text = [&](const char* key) { return line_text(config.at(key).get<std::string>()); };
  fmt::print("{}\n", line_text(directory.string()));
  row("source", line_text(manifest.at("source").at("path").get<std::string>()) + ", " +
                    line_text(manifest.at("source").at("kind").get<std::string>()));
  row("digest", line_text(manifest.at("source").value("digest", "")));
  row("base", line_text(manifest.at("base").get<std::string>()));
  row("created", line_text(manifest.at("created").get<std::string>()));
  row("size", size_text(manifest));
  row("entry point", joined(config.at("Entrypoint")));
  row("arguments", joined(config.at("Cmd")));
  row("environment", joined(config.at("Env")));
  row("directory", text("WorkingDir"));
  row("user", text("User"));
  row("handler", line_text(config.at("Faasnap").at("Handler").get<std::string>()));
}

int run_make(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap image make",
       .synopsis = "NAME --from SOURCE [OPTION]...",
       .text =
           "Makes a guest image from\n"
           "  a Python file, a directory or a zip with a function: put on the base image\n"
           "  an OCI layout, an OCI archive or what `docker save` wrote\n"
           "  any other directory or tar archive: the whole root file system\n"
           "A directory is a function if --handler is given, or if it has a program 'bootstrap'.\n"
           "Needs neither root nor a network; docs/guide/your-function.md has examples.",
       .example = "faasnap image make thumbnail --from ./thumbnail --handler app.handler"});
  line.positional({"NAME"});
  line.option("from", "SOURCE", "file or directory");
  line.option("handler", "MODULE.FUNCTION", "what a request calls, such as app.handler");
  line.option("base", "NAME|DIR",
              "image to put a function on, and to take kernel and initramfs from; a path has a '/' "
              "(default:\nthat of `faasnap record`)");
  line.option("entrypoint", "PROGRAM", "program to run, instead of the source's own");
  line.flag("no-entrypoint", "make an image that runs nothing, as a base of others");
  line.option("image-config", "JSON",
              "object with Entrypoint, Cmd, Env, WorkingDir, User, Faasnap, which replace the "
              "source's;\n@FILE reads it from a file");
  line.option("tag", "TAG", "which image of an archive with several");
  line.option("max-size", "SIZE", "most bytes of all files, unpacked", "8G");
  line.flag("force", "replace an image of that name");
  line.flag("json", "print the manifest as JSON");
  add_store_option(line);
  add_config_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const Interruption interruption;
  const ImageStore store = open_images(line);
  ImageRequest request;
  request.name = line.text("NAME");
  ImageStore::check_name(request.name);
  request.source = line.text("from");
  request.base = base_directory(line, store);
  request.handler = line.optional_text("handler");
  request.entrypoint = line.optional_text("entrypoint");
  request.tag = line.optional_text("tag");
  request.config = image_config(line);
  request.needs_entrypoint = !line.has("no-entrypoint");
  request.replace = line.has("force");
  request.most = parse_size(line.text("max-size"), "--max-size");
  Steps steps;
  const tools::Json manifest = make_image(store, request, steps);
  if (line.has("json")) {
    std::cout << tools::to_text(manifest) << "\n";
  } else {
    print_image(store.directory() / request.name, manifest);
  }
  return tools::kSuccess;
}

int run_ls_images(const Arguments& arguments) {
  CommandLine line({.name = "faasnap image ls",
                    .text = "Lists the images.",
                    .example = "faasnap image ls --json"});
  line.flag("json", "print JSON, one manifest per line");
  add_store_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const ImageStore store = open_images(line);
  for (const std::string& name : store.names()) {
    const tools::Json manifest = store.manifest(name);
    if (line.has("json")) {
      std::cout << tools::to_text(manifest) << "\n";
    } else {
      fmt::print("{:<24} {:>9}  {}  {}\n", name, size_text(manifest),
                 line_text(manifest.at("created").get<std::string>()),
                 line_text(manifest.at("source").at("path").get<std::string>()));
    }
  }
  return tools::kSuccess;
}

int run_inspect_image(const Arguments& arguments) {
  CommandLine line({.name = "faasnap image inspect",
                    .synopsis = "NAME [OPTION]...",
                    .text = "Shows what an image was made from, and what runs in it.",
                    .example = "faasnap image inspect thumbnail"});
  line.positional({"NAME"});
  line.flag("json", "print the manifest as JSON");
  add_store_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const ImageStore store = open_images(line);
  const std::string name = line.text("NAME");
  const tools::Json manifest = store.manifest(name);
  if (line.has("json")) {
    std::cout << tools::to_text(manifest) << "\n";
  } else {
    print_image(store.find(name), manifest);
  }
  return tools::kSuccess;
}

// Returns the snapshots in the directory that name the root image.
std::vector<std::string> snapshots_of(const fs::path& image, const fs::path& directory) {
  std::vector<std::string> snapshots;
  const fs::path root_image = fs::weakly_canonical(image / "rootfs.img");
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (!fs::exists(entry.path() / "manifest")) {
      continue;
    }
    try {
      if (fs::weakly_canonical(Snapshot::open(entry.path()).info().root_image.path) == root_image) {
        snapshots.push_back(entry.path().filename().string());
      }
    } catch (const Error& error) {
      throw tools::Failure(
          fmt::format("it is not known what the snapshot needs: {}", error.what()));
    }
  }
  std::ranges::sort(snapshots);
  return snapshots;
}

int run_rm_image(const Arguments& arguments) {
  CommandLine line({.name = "faasnap image rm",
                    .synopsis = "NAME [OPTION]...",
                    .text = "Removes an image. Snapshots that were made with it need its root "
                            "image; VMs that run go on.",
                    .example = "faasnap image rm thumbnail --snapshots ./snapshots"});
  line.positional({"NAME"});
  line.option("snapshots", "DIR", "refuse if a snapshot in DIR needs the image");
  add_store_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const ImageStore store = open_images(line);
  const std::string name = line.text("NAME");
  const fs::path image = store.find(name);
  if (const auto directory = line.optional_text("snapshots")) {
    const auto snapshots = snapshots_of(image, *directory);
    if (!snapshots.empty()) {
      throw tools::Failure(fmt::format("image '{}' is needed by the snapshots {}", name,
                                       line_text(fmt::to_string(fmt::join(snapshots, ", ")))));
    }
  }
  store.remove(name);
  return tools::kSuccess;
}

constexpr Subcommand kImageSubcommands[] = {
    {"make", "NAME --from SOURCE", "make an image of a function or a container", run_make},
    {"ls", "", "list images", run_ls_images},
    {"inspect", "NAME", "show an image", run_inspect_image},
    {"rm", "NAME", "remove an image", run_rm_image},
};

}  // namespace

int run_image(const Arguments& arguments) {
  return run_subcommand(
      "image",
      "Makes guest images of your own functions, for --image of `faasnap boot` and `faasnap "
      "record`.",
      "  faasnap image make thumbnail --from ./thumbnail --handler app.handler\n"
      "  faasnap image make server --from server.oci.tar\n"
      "  faasnap image ls",
      kImageSubcommands, arguments);
}

}  // namespace faasnap::cli
