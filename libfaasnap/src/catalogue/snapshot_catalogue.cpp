// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot_catalogue.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/files/path.h"
#include "base/progress.h"
#include "base/text.h"
#include "catalogue/files.h"
#include "catalogue/records.h"
#include "catalogue/transfer.h"
#include "format/signature_file.h"
#include "snapshot/bases.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {
namespace {

using catalogue::CatalogueFiles;
using catalogue::CatalogueRecords;

constexpr const char* kPushing = "push snapshot";
constexpr const char* kPulling = "pull snapshot";

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 128 && name[0] != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

void check_name(const std::string& name) {
  if (!is_name(name)) {
    base::fail(
        ErrorKind::invalid_argument, "snapshot catalogue", {},
        fmt::format("invalid snapshot name '{}', expected 1 to 128 of [A-Za-z0-9_.-]", name));
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                          : std::string();
}

}  // namespace

class SnapshotCatalogue::Impl {
 public:
  Impl(const RedisOptions& redis, std::filesystem::path directory)
      : records_(redis), files_(std::move(directory)) {}

  std::vector<Entry> list();
  std::optional<Entry> find(const std::string& name);
  Pushed push(const Snapshot& snapshot, const std::string& name, bool replace,
              const Progress& progress);
  Snapshot pull(const std::string& name, const std::filesystem::path& target, unsigned version,
                const Progress& progress, const TrustedKeys* keys);

 private:
  using Record = CatalogueRecords::Record;

  // A version of a name that is a certain snapshot.
  struct Place {
    std::string name;
    unsigned version = 0;
  };

  // Returns where the catalogue has a base; nothing if it does not have it.
  std::optional<Place> find(const BaseIdentity& base);
  // Pushes what the catalogue lacks of the snapshot's bases.
  void push_bases(const OpenedSnapshot& snapshot, const Progress& progress);
  // Pulls the base of a snapshot that comes to `target`, unless it is there.
  void pull_base(const BaseIdentity& base, const std::filesystem::path& target,
                 const Progress& progress, const TrustedKeys* keys);

  std::filesystem::path label(const std::string& name) const {
    return fmt::format("{} in {}", name, records_.address());
  }
  Entry entry_of(const std::string& name, const Record& record) const;
  // Returns the number of the version that has exactly these files and this signature, or 0. Throws
  // ErrorKind::already_exists if the name stands for another image.
  unsigned version_of(const std::string& name, const Record& record,
                      const format::Manifest& manifest, const std::string& signature) const;

  CatalogueRecords records_;
  CatalogueFiles files_;
};

SnapshotCatalogue::Entry SnapshotCatalogue::Impl::entry_of(const std::string& name,
                                                           const Record& record) const {
  Entry entry{name, {}};
  for (const CatalogueRecords::Version& version : record.versions) {
    const auto manifest = format::decode_manifest(version.manifest, label(name));
    Bytes size{version.manifest.size()};
    for (const auto& [file, known] : catalogue::files_of(manifest)) {
      size += known.size;
    }
    entry.versions.push_back({static_cast<unsigned>(entry.versions.size() + 1), version.pushed,
                              version.host, manifest.info, size});
  }
  return entry;
}

std::vector<SnapshotCatalogue::Entry> SnapshotCatalogue::Impl::list() {
  std::vector<Entry> entries;
  for (const std::string& name : records_.names()) {
    if (!is_name(name)) {
      base::fail(ErrorKind::corrupt, "read catalogue", records_.address(),
                 fmt::format("invalid snapshot name '{}'", base::printable(name)));
    }
    if (auto entry = find(name)) {
      entries.push_back(std::move(*entry));
    }
  }
  return entries;
}

std::optional<SnapshotCatalogue::Entry> SnapshotCatalogue::Impl::find(const std::string& name) {
  check_name(name);
  const auto record = records_.find(name);
  return record ? std::optional(entry_of(name, *record)) : std::nullopt;
}

std::optional<SnapshotCatalogue::Impl::Place> SnapshotCatalogue::Impl::find(
    const BaseIdentity& base) {
  for (const std::string& name : records_.names()) {
    const auto record = is_name(name) ? records_.find(name) : std::nullopt;
    if (!record || record->id != base.id) {
      continue;
    }
    for (std::size_t i = 0; i < record->versions.size(); ++i) {
      const auto manifest = format::decode_manifest(record->versions[i].manifest, label(name));
      if (manifest.state.checksum == base.checksum) {
        return Place{name, static_cast<unsigned>(i + 1)};
      }
    }
  }
  return std::nullopt;
}

// The lowest base first, so that what is in the catalogue has its base there.
void SnapshotCatalogue::Impl::push_bases(const OpenedSnapshot& snapshot, const Progress& progress) {
  const auto layers = snapshot.layers();
  std::vector<std::filesystem::path> places;
  for (const OpenedSnapshot* layer : layers) {
    places.push_back(layer->directory());
  }
  for (std::size_t n = layers.size() - 1; n > 0; --n) {
    if (!find(layers[n]->identity())) {
      // Opened again: as a base, it is without its recordings and sets.
      push(Snapshot::open(layers[n]->directory(), places), layers[n]->info().id, false, progress);
    }
  }
}

void SnapshotCatalogue::Impl::pull_base(const BaseIdentity& base,
                                        const std::filesystem::path& target,
                                        const Progress& progress, const TrustedKeys* keys) {
  try {
    find_base(base, target, {});
    return;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) {
      throw;
    }
  }
  const auto place = find(base);
  if (!place) {
    base::fail(ErrorKind::not_found, kPulling, records_.address(),
               fmt::format("the base {} is neither beside {} nor in the catalogue", base.id,
                           target.string()));
  }
  pull(place->name, base::absolute_path(target).lexically_normal().parent_path() / base.id,
       place->version, progress, keys);
}

unsigned SnapshotCatalogue::Impl::version_of(const std::string& name, const Record& record,
                                             const format::Manifest& manifest,
                                             const std::string& signature) const {
  if (record.id != manifest.info.id) {
    base::fail(
        ErrorKind::already_exists, kPushing, label(name),
        fmt::format("already exists for another image: {}, not {}", record.id, manifest.info.id));
  }
  const auto files = catalogue::files_of(manifest);
  for (std::size_t i = record.versions.size(); i > 0; --i) {
    const auto known = format::decode_manifest(record.versions[i - 1].manifest, label(name));
    if (catalogue::files_of(known) == files && known.info.labels == manifest.info.labels &&
        record.versions[i - 1].signature == signature) {
      return static_cast<unsigned>(i);
    }
  }
  return 0;
}

SnapshotCatalogue::Pushed SnapshotCatalogue::Impl::push(const Snapshot& snapshot,
                                                        const std::string& name, bool replace,
                                                        const Progress& progress) {
  static constexpr int kTries = 100;
  check_name(name);
  const OpenedSnapshot& source = opened(snapshot);
  push_bases(source, progress);
  const format::Manifest& manifest = source.manifest();
  const auto signature = source.signature();
  CatalogueRecords::Version version{format::encode_manifest(manifest), base::realtime_now(),
                                    host_name(),
                                    signature ? format::encode_signature(*signature) : ""};
  for (const std::string_view file : catalogue::kRecordingFiles) {
    if (source.fd_of(file)) {
      const auto bytes = base::read_file(source.fd_of(file), source.path_of(file),
                                         redis::Connection::kMaximumValue);
      version.recordings.emplace(
          file, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }
  }
  bool published = false;
  for (int tries = 0; tries < kTries; ++tries) {
    const auto before = records_.find(name);
    if (before && !replace) {
      if (const unsigned there = version_of(name, *before, manifest, version.signature);
          there != 0) {
        return {there, false};
      }
    }
    if (!published) {
      catalogue::publish_files(files_, source, replace, progress);
      published = true;
    }
    if (records_.add(name, before, manifest.info.id, version, replace)) {
      const bool anew = replace || !before;
      return {anew ? 1 : static_cast<unsigned>(before->versions.size() + 1), true};
    }
  }
  base::fail(ErrorKind::io, kPushing, label(name), "other hosts keep changing it");
}

Snapshot SnapshotCatalogue::Impl::pull(const std::string& name, const std::filesystem::path& target,
                                       unsigned number, const Progress& progress,
                                       const TrustedKeys* keys) {
  check_name(name);
  if (number == 0) {
    const auto record = records_.find(name);
    number = record ? static_cast<unsigned>(record->versions.size()) : 1;
  }
  const auto version = records_.version(name, number);
  if (!version) {
    base::fail(ErrorKind::not_found, kPulling, label(name),
               number == 1 ? "snapshot not found" : "version not found");
  }
  auto manifest = format::decode_manifest(version->manifest, label(name));
  if (manifest.info.base) {
    pull_base(*manifest.info.base, target, progress, keys);
  }
  format::NewSnapshotDirectory directory(target);
  const Bytes size = catalogue::size_of_shared(manifest);
  // Every file is copied, then verified.
  base::StepProgress steps(progress, size + size);
  catalogue::fetch_files(files_, *version, manifest, directory, steps.next(size));
  SnapshotOpening opening;
  try {
    const Snapshot pulled =
        keys != nullptr ? open_signed(directory.path(), *keys) : Snapshot::open(directory.path());
    pulled.verify(steps.next(size));
    opening = {.check = opened(pulled).content_check(),
               .open_base = [base = opened(pulled).base()](const auto&...) { return base; }};
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) {
      throw;
    }
    base::fail(error.kind(), kPulling, label(name), error.what());
  }
  return OpenedSnapshot::commit(directory, std::move(opening));
}

SnapshotCatalogue::SnapshotCatalogue(RedisOptions redis, std::filesystem::path directory)
    : impl_(std::make_unique<Impl>(redis, std::move(directory))) {}
SnapshotCatalogue::SnapshotCatalogue(SnapshotCatalogue&& other) noexcept = default;
SnapshotCatalogue& SnapshotCatalogue::operator=(SnapshotCatalogue&& other) noexcept = default;
SnapshotCatalogue::~SnapshotCatalogue() = default;

std::vector<SnapshotCatalogue::Entry> SnapshotCatalogue::list() { return impl_->list(); }

std::optional<SnapshotCatalogue::Entry> SnapshotCatalogue::find(const std::string& name) {
  return impl_->find(name);
}

SnapshotCatalogue::Pushed SnapshotCatalogue::push(const Snapshot& snapshot, const std::string& name,
                                                  bool replace, const Progress& progress) {
  return impl_->push(snapshot, name, replace, progress);
}

Snapshot SnapshotCatalogue::pull(const std::string& name, const std::filesystem::path& target,
                                 unsigned version, const Progress& progress,
                                 const TrustedKeys* keys) {
  return impl_->pull(name, target, version, progress, keys);
}

}  // namespace faasnap
