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
// Errors: those of the file system; ErrorKind::corrupt for a file that is larger than
// kMaximumValue.
class FAASNAP_EXPORT DirectoryStore final : public ObjectStore {
 public:
  // Creates the directory if it does not exist.
  explicit DirectoryStore(std::filesystem::path directory);

  bool read(std::string_view key, const ValueSink& sink,
            const std::stop_token& stop = {}) const override;
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress = {},
           const std::stop_token& stop = {}) override;
  bool remove(std::string_view key, const std::stop_token& stop = {}) override;
  std::optional<Bytes> size(std::string_view key, const std::stop_token& stop = {}) const override;
  std::vector<ObjectInfo> list(std::string_view pattern = "*",
                               const std::stop_token& stop = {}) const override;

 private:
  std::filesystem::path path_of(std::string_view key) const;

  std::filesystem::path directory_;
};

}  // namespace faasnap
