// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "commands/commands.h"
#include "output/file_content.h"
#include "output/line_text.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "settings/store_settings.h"
#include "settings/subcommands.h"
#include "settings/vm_settings.h"
#include "tools/descriptor.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

ChosenStore open_store(const CommandLine& line) {
  return open_store(line, load_config(line.optional_text("config")));
}

void add_object_options(CommandLine& line) {
  line.flag("json", "print a JSON object");
  add_store_options(line);
  add_config_option(line);
}

int run_put(const Arguments& arguments) {
  CommandLine line({.name = "faasnap store put",
                    .synopsis = "KEY FILE [OPTION]...",
                    .text =
                        "Stores the file's content, at most 512 MiB, as the object KEY; FILE -\n"
                        "means the standard input.",
                    .example = "faasnap store put json-13k build/images/inputs/json-13k"});
  line.positional({"KEY", "FILE"});
  add_object_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const std::string key = line.text("KEY");
  const FileContent content(line.text("FILE"));
  const ChosenStore store = open_store(line);
  Steps steps;
  steps.begin(fmt::format("put {}", key));
  store.objects->set(key, content.bytes(), steps.progress());
  steps.done();
  if (line.has("json")) {
    std::cout << tools::to_text({{"key", key}, {"bytes", content.bytes().size()}}) << "\n";
  }
  return tools::kSuccess;
}

// The destination of a value: the standard output, or a file that is replaced when the whole value
// has arrived.
class Target {
 public:
  explicit Target(const std::optional<std::string>& file) {
    if (!file) {
      return;
    }
    file_ = *file;
    partial_ = *file + ".partial-XXXXXX";
    created_ = tools::Descriptor(::mkostemp(partial_.data(), O_CLOEXEC));
    fd_ = created_.get();
    if (fd_ < 0) {
      partial_.clear();
      fail();
    }
  }
  ~Target() {
    if (!partial_.empty()) {
      ::unlink(partial_.c_str());
    }
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void write(std::span<const std::byte> data) const {
    while (!data.empty()) {
      const ssize_t put = ::write(fd_, data.data(), data.size());
      if (put < 0 && errno != EINTR) {
        fail();
      }
      data = data.subspan(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
    }
  }

  void commit() const {
    // Gives the file the mode that open(2) would have given it.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (!partial_.empty() &&
        (::fchmod(fd_, 0666 & ~mask) != 0 || ::rename(partial_.c_str(), file_.c_str()) != 0)) {
      fail();
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw tools::Failure(fmt::format("{}: cannot be written: {}", file_, std::strerror(errno)));
  }

  std::string file_ = "standard output";
  std::string partial_;
  tools::Descriptor created_;
  int fd_ = STDOUT_FILENO;
};

int run_get(const Arguments& arguments) {
  CommandLine line({.name = "faasnap store get",
                    .synopsis = "KEY [FILE] [OPTION]...",
                    .text = "Writes the object's content to the file, which it replaces, or to\n"
                            "the standard output.",
                    .example = "faasnap store get image-out.jpg out.jpg"});
  line.positional({"KEY"}, {"FILE"});
  add_store_options(line);
  add_config_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const std::string key = line.text("KEY");
  const ChosenStore store = open_store(line);
  const Target target(line.optional_text("FILE"));
  Steps steps;
  steps.begin(fmt::format("get {}", key));
  Bytes done;
  const bool found = store.objects->read(key, [&](std::span<const std::byte> piece, Bytes total) {
    target.write(piece);
    done += Bytes{piece.size()};
    if (!steps.advance(done, total)) {
      throw Interrupted();
    }
  });
  if (!found) {
    throw tools::Failure(fmt::format("{}: object '{}' not found", store.name, key));
  }
  target.commit();
  steps.done();
  return tools::kSuccess;
}

int run_ls_objects(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap store ls",
       .synopsis = "[PATTERN] [OPTION]...",
       .text = "Lists the objects whose keys match the pattern, with their sizes in bytes. As\n"
               "in Redis: *, ?, [a-z], [^a-z], and \\ before a character that stands for itself.",
       .example = "faasnap store ls 'json-*'"});
  line.positional({}, {"PATTERN"});
  add_object_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const auto objects = open_store(line).objects->list(line.optional_text("PATTERN").value_or("*"));
  for (const ObjectInfo& object : objects) {
    if (line.has("json")) {
      std::cout << tools::to_text({{"key", object.key}, {"bytes", object.size.value}}) << "\n";
    } else {
      std::cout << fmt::format("{:>10}  {}\n", object.size.value, line_text(object.key));
    }
  }
  return tools::kSuccess;
}

int run_fill(const Arguments& arguments) {
  CommandLine line({.name = "faasnap store fill",
                    .synopsis = "DIR [OPTION]...",
                    .text = "Puts every file of the directory that the store lacks; the key is\n"
                            "the file's name. Directories in it are ignored.",
                    .example = "faasnap store fill build/images/inputs --redis localhost:6379"});
  line.positional({"DIR"});
  line.flag("replace", "also put the files that the store has");
  add_object_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const ChosenStore store = open_store(line);
  Steps steps;
  const FillCounts filled = fill_store(
      *store.objects, line.text("DIR"), line.has("replace"),
      [&](const std::string& key) { steps.begin(fmt::format("put {}", key)); }, steps.progress());
  steps.done();
  if (line.has("json")) {
    std::cout << tools::to_text({{"store", store.name},
                                 {"put", filled.put},
                                 {"kept", filled.kept},
                                 {"bytes", filled.bytes.value}})
              << "\n";
  } else {
    fmt::print("{}: {} objects put ({} bytes), {} already there\n", store.name, filled.put,
               filled.bytes.value, filled.kept);
  }
  return tools::kSuccess;
}

constexpr Subcommand kStoreSubcommands[] = {
    {"put", "KEY FILE", "put a file", run_put},
    {"get", "KEY [FILE]", "get an object", run_get},
    {"ls", "[PATTERN]", "list objects", run_ls_objects},
    {"fill", "DIR", "put the files of a directory", run_fill},
};

}  // namespace

int run_store(const Arguments& arguments) {
  return run_subcommand(
      "store",
      "Works on the objects that functions read and write: in a directory (--store DIR) or on a\n"
      "Redis server (--redis HOST:PORT); without either, as in the settings file.",
      "  faasnap store fill build/images/inputs --redis localhost:6379\n"
      "  faasnap store ls 'json-*' --redis localhost:6379",
      kStoreSubcommands, arguments);
}

}  // namespace faasnap::cli
