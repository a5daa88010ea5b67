// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include <faasnap/object_store.h>

namespace faasnap {

// Objects in a directory of this host, one file per key (docs/guide/object-store.md has the names).
// Several stores, in one process or many, may use the same directory. Values are replaced
// atomically but not synced: after a crash of the host an object may have its previous value or be
// missing.
//
// A value that is being written is a file in the directory `.new`, and takes room there. Files that
// were left there by a process that was killed, and not written for an hour, are removed by the
// next constructor.
//
// Errors: those of the file system; ErrorKind::corrupt for a file that is larger than
// kMaximumValue; ErrorKind::no_space for a value that would leave less than `keep_free` of the
// file system.
class FAASNAP_EXPORT DirectoryStore final : public ObjectStore {
 public:
  static constexpr Bytes kKeepFree = 256_MiB;

  // Creates the directory if it does not exist. `keep_free` is what values leave of the file system
  // to others.
  explicit DirectoryStore(std::filesystem::path directory, Bytes keep_free = kKeepFree);

  bool read(std::string_view key, const ValueSink& sink,
            const std::stop_token& stop = {}) const override;
  void write(std::string_view key, Bytes size, const ValueSource& source,
             const std::stop_token& stop = {}) override;
  bool remove(std::string_view key, const std::stop_token& stop = {}) override;
  std::optional<Bytes> size(std::string_view key, const std::stop_token& stop = {}) const override;
  std::vector<ObjectInfo> list(std::string_view pattern = "*",
                               const std::stop_token& stop = {}) const override;

 private:
  std::filesystem::path path_of(std::string_view key) const;

  std::filesystem::path directory_;
  Bytes keep_free_;
};

}  // namespace faasnap
