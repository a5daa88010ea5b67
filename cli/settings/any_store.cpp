#include "settings/any_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"
#include "output/file_content.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

struct Name {
  std::string operator()(const fs::path& directory) const { return directory.string(); }
  std::string operator()(const RedisOptions& redis) const { return redis.address; }
};

struct Open {
  std::variant<ObjectStore, RedisStore> operator()(const fs::path& directory) const {
    return ObjectStore(directory);
  }
  std::variant<ObjectStore, RedisStore> operator()(const RedisOptions& redis) const {
    RedisStore store(redis);
    store.ping();
    return store;
  }
};

// Files of the directory, sorted by name.
std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (entry->is_regular_file(gone)) {
      files.push_back(entry->path());
    }
  }
  if (error) {
    throw Failure(fmt::format("{}: {}", directory.string(), error.message()));
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

AnyStore::AnyStore(const StoreChoice& choice)
    : name_(std::visit(Name(), choice)), store_(std::visit(Open(), choice)) {}

bool AnyStore::read(const std::string& key, const ValueSink& sink) {
  return std::visit([&](auto& store) { return store.read(key, sink); }, store_);
}

void AnyStore::set(const std::string& key, std::span<const std::byte> value,
                   const Progress& progress) {
  std::visit([&](auto& store) { store.set(key, value, progress); }, store_);
}

std::optional<Bytes> AnyStore::size(const std::string& key) {
  return std::visit([&](auto& store) { return store.size(key); }, store_);
}

std::vector<ObjectInfo> AnyStore::list(const std::string& pattern) {
  return std::visit([&](auto& store) { return store.list(pattern); }, store_);
}

AnyStore::Filled AnyStore::fill(const fs::path& directory, bool replace,
                                const std::function<void(const std::string& key)>& begin,
                                const Progress& progress) {
  Filled filled;
  for (const fs::path& file : files_of(directory)) {
    const std::string key = file.filename().string();
    if (!replace && size(key)) {
      ++filled.kept;
      continue;
    }
    begin(key);
    const FileContent content(file.string());
    set(key, content.bytes(), progress);
    ++filled.put;
    filled.bytes += Bytes{content.bytes().size()};
  }
  return filled;
}

}  // namespace faasnap::cli
