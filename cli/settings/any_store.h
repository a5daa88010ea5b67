#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <faasnap/object_store.h>
#include <faasnap/redis.h>

#include "settings/store_settings.h"

namespace faasnap::cli {

// The objects of functions, wherever they are kept. For one thread at a time; throws faasnap::Error
// and Failure.
class AnyStore {
 public:
  // A Redis server must answer.
  explicit AnyStore(const StoreChoice& choice);

  // For messages: the directory, or the server's address.
  const std::string& name() const noexcept { return name_; }

  bool read(const std::string& key, const ValueSink& sink);
  void set(const std::string& key, std::span<const std::byte> value, const Progress& progress);
  std::optional<Bytes> size(const std::string& key);
  std::vector<ObjectInfo> list(const std::string& pattern);

  struct Filled {
    std::uint64_t put = 0;
    std::uint64_t kept = 0;
    Bytes bytes;
  };
  // Puts each file of the directory, the file's name being the key, if `replace` or if there is no
  // such object. `begin` is called before each file that is put.
  Filled fill(const std::filesystem::path& directory, bool replace,
              const std::function<void(const std::string& key)>& begin,
              const Progress& progress = {});

 private:
  std::string name_;
  std::variant<ObjectStore, RedisStore> store_;
};

}  // namespace faasnap::cli
