// SPDX-License-Identifier: Apache-2.0

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iostream>

#include <faasnap/snapshot_catalogue.h>
#include <faasnap/snapshot_leftovers.h>
#include <faasnap/snapshot_signature.h>

#include "commands/commands.h"
#include "output/line_text.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "run/miss_notes.h"
#include "settings/store_settings.h"
#include "settings/subcommands.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

void add_catalogue_options(CommandLine& line) {
  line.option("redis", "ADDRESS", "Redis server at HOST:PORT or a Unix socket");
  line.option("catalogue", "DIR", "directory that the hosts share");
  line.flag("json", "print JSON, one object per line");
  add_config_option(line);
}

// What a new user lacks who has only snapshots in directories.
constexpr const char* kWhatACatalogueIs =
    "A catalogue is a directory of snapshots that several hosts share, with an index in a Redis "
    "server (docs/guide/catalogue.md); a snapshot that `faasnap record` has made needs none: "
    "`faasnap inspect DIR` shows it.";

// A catalogue and the directory that is a part of it.
struct OpenCatalogue {
  SnapshotCatalogue snapshots;
  std::filesystem::path directory;
};

OpenCatalogue open_catalogue(const CommandLine& line) {
  const Config config = load_config(line.optional_text("config"));
  RedisConfig redis = config.catalogue.redis.address ? config.catalogue.redis : config.store.redis;
  if (const auto address = line.optional_text("redis")) {
    redis.address = address;
  }
  if (!redis.address) {
    throw tools::UsageError(
        fmt::format("--redis is missing, and the settings file has no 'redis' in [catalogue]. {}",
                    kWhatACatalogueIs));
  }
  std::filesystem::path directory = config.catalogue.directory.value_or("");
  if (const auto given = line.optional_text("catalogue")) {
    directory = *given;
  }
  if (directory.empty()) {
    throw tools::UsageError(
        fmt::format("--catalogue is missing, and the settings file has no 'dir' in [catalogue]. {}",
                    kWhatACatalogueIs));
  }
  return {SnapshotCatalogue(redis_options(redis), directory), directory};
}

tools::Json to_json(const std::string& name, const SnapshotCatalogue::Version& version) {
  tools::Json json;
  json["name"] = name;
  json["version"] = version.number;
  json["id"] = version.info.id;
  json["pushed_ns"] = version.pushed.count();
  json["host"] = version.host;
  json["bytes"] = version.size.value;
  json["memory_bytes"] = version.info.memory.value;
  json["working_set_pages"] = version.info.working_set_pages;
  json["touched_pages"] = version.info.touched_pages;
  json["labels"] = version.info.labels;
  return json;
}

void print(const std::string& name, const SnapshotCatalogue::Version& version) {
  const auto pushed = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(version.pushed));
  fmt::print("{:<24} {:>7}  {:%Y-%m-%d %H:%M:%S}  {:<16} {:>8} {:>8} {:>8}  {}\n", name,
             version.number, fmt::gmtime(pushed), line_text(version.host),
             version.info.memory.value >> 20, version.info.working_set_pages,
             version.info.touched_pages, version.info.id);
}

// Prints a line for each; `key` names its path in JSON.
void print(const std::vector<Leftover>& leftovers, bool as_json, const char* key) {
  for (const Leftover& leftover : leftovers) {
    if (as_json) {
      std::cout << tools::to_text({{key, leftover.path.string()},
                                   {"bytes", leftover.size.value},
                                   {"changed_ns", leftover.changed.count()}})
                << "\n";
    } else {
      fmt::print("{}: {} MiB\n", line_text(leftover.path.string()), leftover.size.value >> 20);
    }
  }
}

int run_ls_snapshots(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot ls",
       .synopsis = "[NAME] [OPTION]...",
       .text = "Lists the snapshots of the catalogue, and what killed processes have left in its\n"
               "directory; or the versions of one.",
       .example = "faasnap snapshot ls --redis redis:6379 --catalogue /mnt/snapshots"});
  line.positional({}, {"NAME"});
  add_catalogue_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  OpenCatalogue catalogue = open_catalogue(line);
  std::vector<SnapshotCatalogue::Entry> entries;
  std::vector<Leftover> leftovers;
  if (const auto name = line.optional_text("NAME")) {
    auto entry = catalogue.snapshots.find(*name);
    if (!entry) {
      throw tools::Failure(fmt::format("snapshot '{}' not found in the catalogue", *name));
    }
    entries.push_back(std::move(*entry));
  } else {
    entries = catalogue.snapshots.list();
    leftovers = find_leftovers(catalogue.directory);
    for (auto& entry : entries) {
      entry.versions.erase(entry.versions.begin(), entry.versions.end() - 1);
    }
  }
  if (!line.has("json")) {
    fmt::print("{:<24} {:>7}  {:<19}  {:<16} {:>8} {:>8} {:>8}  {}\n", "name", "version",
               "pushed (UTC)", "by", "MiB", "recorded", "touched", "id");
  }
  for (const auto& entry : entries) {
    for (const auto& version : entry.versions) {
      if (line.has("json")) {
        std::cout << tools::to_text(to_json(entry.name, version)) << "\n";
      } else {
        print(entry.name, version);
      }
    }
  }
  if (!line.has("json") && !leftovers.empty()) {
    fmt::print("\nleft by killed processes (`faasnap snapshot prune {}` removes it):\n",
               line_text(catalogue.directory.string()));
  }
  print(leftovers, line.has("json"), "leftover");
  return tools::kSuccess;
}

std::string name_of(const std::filesystem::path& directory) {
  const auto normal = std::filesystem::absolute(directory).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

int run_push(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot push",
       .synopsis = "DIR [NAME] [OPTION]...",
       .text = "Verifies a snapshot and publishes it under the name, the directory's name if\n"
               "none is given. The same image with other recordings becomes a new version.\n"
               "The bases of a layer that the catalogue lacks are published first.\n"
               "An interrupted push can be repeated.",
       .example = "faasnap snapshot push snapshots/json --redis redis:6379 "
                  "--catalogue /mnt/snapshots"});
  line.positional({"DIR"}, {"NAME"});
  line.flag("replace", "give the name to this image if another has it");
  add_trusted_key_option(line);
  add_bases_option(line);
  add_catalogue_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  SnapshotCatalogue catalogue = open_catalogue(line).snapshots;
  const Snapshot snapshot = open_snapshot(
      line, line.text("DIR"), trusted_keys(line, load_config(line.optional_text("config"))));
  const std::string name = line.optional_text("NAME").value_or(name_of(line.text("DIR")));
  Steps steps;
  const Progress progress = steps.progress();
  steps.begin("verify");
  snapshot.verify(progress);
  steps.begin("copy to the catalogue");
  const auto pushed = catalogue.push(snapshot, name, line.has("replace"), progress);
  steps.done();
  if (line.has("json")) {
    std::cout << tools::to_text({{"name", name},
                                 {"version", pushed.version},
                                 {"added", pushed.added},
                                 {"id", snapshot.info().id}})
              << "\n";
  } else {
    fmt::print("{}: version {} {}\n", name, pushed.version,
               pushed.added ? "published" : "already published");
  }
  return tools::kSuccess;
}

int run_pull(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot pull",
       .synopsis = "NAME DIR [OPTION]...",
       .text = "Fetches a snapshot of the catalogue as the new directory DIR: whole and verified,\n"
               "or not at all. The base of a layer that is not beside DIR is fetched as well.",
       .example = "faasnap snapshot pull json snapshots/json --redis redis:6379 "
                  "--catalogue /mnt/snapshots"});
  line.positional({"NAME", "DIR"});
  line.option("version", "N", "the version to fetch (default: the newest)");
  add_trusted_key_option(line);
  add_catalogue_options(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  static constexpr std::uint64_t kMostVersions = 10'000;
  const auto version = line.optional_number("version", 1, kMostVersions).value_or(0);
  const auto keys = trusted_keys(line, load_config(line.optional_text("config")));
  Interruption interruption;
  SnapshotCatalogue catalogue = open_catalogue(line).snapshots;
  Steps steps;
  steps.begin("copy from the catalogue and verify");
  const Snapshot snapshot =
      catalogue.pull(line.text("NAME"), line.text("DIR"), static_cast<unsigned>(version),
                     steps.progress(), keys ? &*keys : nullptr);
  steps.done();
  if (line.has("json")) {
    std::cout << tools::to_text(
                     {{"snapshot", snapshot.directory().string()}, {"id", snapshot.info().id}})
              << "\n";
  } else {
    fmt::print("{}: all checksums match\n", snapshot.directory().string());
  }
  return tools::kSuccess;
}

int run_upgrade(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot upgrade",
       .synopsis = "DIR",
       .text =
           "Verifies a snapshot, and writes its manifest anew: in the newest format version, and\n"
           "with the images as they are now. Copies of images, and images that were written to,\n"
           "are taken if their content is the same as ever.",
       .example = "faasnap snapshot upgrade snapshots/json"});
  line.positional({"DIR"});
  add_bases_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const Interruption interruption;
  Steps steps;
  steps.begin("verify");
  const Snapshot snapshot =
      Snapshot::upgrade(line.text("DIR"), steps.progress(), base_directories(line));
  steps.done();
  fmt::print("{}: format version {}\n", snapshot.directory().string(),
             snapshot.info().format_version);
  return tools::kSuccess;
}

int run_sign(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot sign",
       .synopsis = "DIR --key PRIVATE.pem",
       .text =
           "Verifies a snapshot and signs it, with everything that it names: whoever trusts the\n"
           "public key can then tell that snapshot from any other (--trusted-key). Replaces the\n"
           "signature that it has. Keys are of Ed25519, as these commands write them:\n"
           "  openssl genpkey -algorithm ED25519 -out private.pem\n"
           "  openssl pkey -in private.pem -pubout -out public.pem",
       .example = "faasnap snapshot sign snapshots/json --key private.pem"});
  line.positional({"DIR"});
  line.option("key", "FILE", "the private key (PEM, without a passphrase)");
  add_bases_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const Interruption interruption;
  const SigningKey key(line.text("key"));
  Steps steps;
  steps.begin("verify and sign");
  sign_snapshot(line.text("DIR"), key, steps.progress(), base_directories(line));
  steps.done();
  fmt::print("{}: signed by key {}\n", line.text("DIR"), key.id());
  return tools::kSuccess;
}

// Writes the snapshot in DIR anew as TARGET, over the one in `base_directory`, or whole.
int rebase(const CommandLine& line, const std::optional<std::string>& base_directory) {
  const Interruption interruption;
  const auto keys = trusted_keys(line, load_config(line.optional_text("config")));
  std::optional<Snapshot> base;
  if (base_directory) {
    base = open_snapshot(line, *base_directory, keys);
  }
  const Snapshot snapshot = open_snapshot(line, line.text("DIR"), keys);
  Steps steps;
  steps.begin("write");
  const Snapshot target =
      snapshot.rebase(line.text("TARGET"), base ? &*base : nullptr, steps.progress());
  steps.done();
  fmt::print("{}: {} of {} pages are its own\n", target.directory().string(),
             target.info().stored_pages, target.info().nonzero_pages);
  return tools::kSuccess;
}

// Writes the snapshot in DIR as TARGET, with what the notes have in its recording.
int refresh(const CommandLine& line) {
  const Interruption interruption;
  const auto at_least = line.number("at-least", 1, kMostMissNotes);
  const Snapshot snapshot = open_snapshot(
      line, line.text("DIR"), trusted_keys(line, load_config(line.optional_text("config"))));
  const auto recorded = snapshot.working_set(Recorder::userfaultfd);
  if (!recorded) {
    throw tools::Failure(
        fmt::format("{}: has no recording by userfaultfd, to which misses could "
                    "be added; `faasnap record` makes one",
                    snapshot.directory().string()));
  }
  const MissNotes notes = read_miss_notes(line.text("misses"), snapshot.info().id);
  if (notes.sets.empty()) {
    throw tools::Failure(
        fmt::format("{}: has no notes of the snapshot {}, and {} of others; `faasnap invoke "
                    "--note-misses` makes them",
                    line.text("misses"), snapshot.info().id, notes.of_others));
  }
  const WorkingSet extended = WorkingSet::with_misses(*recorded, notes.sets, at_least);
  Steps steps;
  SnapshotOptions options;
  options.working_set = &extended;
  options.thresholds = snapshot.info().thresholds;
  options.progress = steps.progress();
  steps.begin("write");
  const Snapshot target = snapshot.derive(line.text("TARGET"), options);
  steps.done();
  const std::uint64_t added = extended.pages() - recorded->pages();
  if (line.has("json")) {
    std::cout << tools::to_text({{"snapshot", target.directory().string()},
                                 {"notes", notes.sets.size()},
                                 {"notes_of_others", notes.of_others},
                                 {"added_pages", added},
                                 {"touched_pages", target.info().touched_pages},
                                 {"stream_set_pages", target.info().stream_set_pages}})
              << "\n";
  } else {
    fmt::print("{}: {} pages of {} notes added to {}\n", target.directory().string(), added,
               notes.sets.size(), recorded->pages());
  }
  return tools::kSuccess;
}

int run_flatten(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot flatten",
       .synopsis = "DIR TARGET [OPTION]...",
       .text =
           "Writes the snapshot in DIR, a layer over a base, as the new directory TARGET: whole,\n"
           "with the same memory and recordings, and in need of no base. It is not signed.",
       .example = "faasnap snapshot flatten snapshots/json snapshots/json-whole"});
  line.positional({"DIR", "TARGET"});
  add_trusted_key_option(line);
  add_bases_option(line);
  add_config_option(line);
  return line.parse(arguments) ? rebase(line, std::nullopt) : tools::kSuccess;
}

int run_rebase(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot rebase",
       .synopsis = "DIR TARGET --base BASE [OPTION]...",
       .text = "Writes the snapshot in DIR as the new directory TARGET, a layer over the snapshot "
               "BASE:\n"
               "with the same memory and recordings, and only the pages that differ. It is not "
               "signed.\n"
               "BASE must be beside it when it is opened, or named with --bases.",
       .example = "faasnap snapshot rebase snapshots/json layers/json --base layers/base"});
  line.positional({"DIR", "TARGET"});
  line.option("base", "BASE", "the snapshot to lay it over");
  add_trusted_key_option(line);
  add_bases_option(line);
  add_config_option(line);
  return line.parse(arguments) ? rebase(line, line.text("base")) : tools::kSuccess;
}

int run_refresh(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot refresh",
       .synopsis = "DIR TARGET --misses NOTES [OPTION]...",
       .text =
           "Writes the snapshot in DIR as the new directory TARGET: with the same memory, and "
           "with\n"
           "the pages that invocations missed in its recording by userfaultfd and its stream set.\n"
           "NOTES is the directory that `faasnap invoke --note-misses` filled. Nothing is "
           "invoked.\n"
           "TARGET is not signed.",
       .example = "faasnap invoke snapshots/json --setting stream --note-misses notes\n"
                  "  faasnap snapshot refresh snapshots/json snapshots/json-2 --misses notes"});
  line.positional({"DIR", "TARGET"});
  line.option("misses", "NOTES", "the directory of notes");
  line.option("at-least", "N", "leave out pages that fewer than N notes have", "1");
  line.flag("json", "print a JSON record");
  add_trusted_key_option(line);
  add_bases_option(line);
  add_config_option(line);
  return line.parse(arguments) ? refresh(line) : tools::kSuccess;
}

// Throws Failure if a snapshot beside this one has it as its base.
void require_unused(const Snapshot& snapshot) {
  const std::vector<std::filesystem::path> places{snapshot.directory().parent_path()};
  const auto layers = find_layers(snapshot, places);
  if (!layers.empty()) {
    throw tools::Failure(fmt::format(
        "{} is the base of {}{}; remove that first, make it whole (faasnap snapshot flatten), or "
        "give --force",
        snapshot.directory().string(), layers.front().string(),
        layers.size() > 1 ? fmt::format(" and {} more", layers.size() - 1) : ""));
  }
}

int run_rm(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot rm",
       .synopsis = "DIR [--force]",
       .text = "Removes the snapshot in DIR, unless a snapshot beside it has it as its base.",
       .example = "faasnap snapshot rm snapshots/json"});
  line.positional({"DIR"});
  line.flag("force", "remove it even if it is a base, or cannot be opened");
  add_bases_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  if (!line.has("force")) {
    require_unused(open_snapshot(line, line.text("DIR"), {}));
  }
  for (const std::string& name : Snapshot::remove(line.text("DIR"))) {
    fmt::print(stderr, "faasnap: {}/{} is not a file of a snapshot and stays\n", line.text("DIR"),
               line_text(name));
  }
  return tools::kSuccess;
}

int run_prune(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap snapshot prune",
       .synopsis = "DIR [--dry-run] [--json]",
       .text = "Removes what killed processes have left in DIR, a directory of snapshots, a\n"
               "catalogue or an object store: snapshots and files that are not whole. What a\n"
               "process of this host is making stays. On a network file system, use it only while\n"
               "no other host makes a snapshot there.",
       .example = "faasnap snapshot prune snapshots"});
  line.positional({"DIR"});
  line.flag("dry-run", "remove nothing; say what would be removed");
  line.flag("json", "print JSON, one object per line");
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const std::filesystem::path directory = line.text("DIR");
  print(line.has("dry-run") ? find_leftovers(directory) : remove_leftovers(directory),
        line.has("json"), "path");
  return tools::kSuccess;
}

constexpr Subcommand kSnapshotSubcommands[] = {
    {"ls", "[NAME]", "list snapshots, or versions", run_ls_snapshots},
    {"push", "DIR [NAME]", "publish a snapshot", run_push},
    {"pull", "NAME DIR", "fetch a snapshot", run_pull},
    {"sign", "DIR --key FILE", "verify a snapshot and sign it", run_sign},
    {"verify", "DIR", "compare all checksums, and the signature", run_verify},
    {"upgrade", "DIR", "verify a snapshot and renew its manifest", run_upgrade},
    {"rebase", "DIR TARGET --base BASE", "make a snapshot a layer over another", run_rebase},
    {"flatten", "DIR TARGET", "make a layer whole", run_flatten},
    {"refresh", "DIR TARGET --misses NOTES", "add missed pages to its sets", run_refresh},
    {"rm", "DIR", "remove a snapshot that is not a base", run_rm},
    {"prune", "DIR", "remove what killed processes have left", run_prune},
};

}  // namespace

int run_snapshot(const Arguments& arguments) {
  return run_subcommand(
      "snapshot",
      "Shares snapshots between hosts: manifests and recordings through a Redis server, large\n"
      "files through a directory that every host mounts. Settings file: [catalogue].",
      "  faasnap snapshot push snapshots/json --redis redis:6379 --catalogue /mnt/snapshots\n"
      "  faasnap snapshot pull json snapshots/json --redis redis:6379 --catalogue /mnt/snapshots",
      kSnapshotSubcommands, arguments);
}

}  // namespace faasnap::cli
