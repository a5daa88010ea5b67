#include "store/object_backend.h"
#include "store/object_file.h"

namespace faasnap::store {
namespace {

class OpenedFile : public ObjectBackend::Object {
 public:
  explicit OpenedFile(ObjectFile file) : file_(std::move(file)) {}
  Bytes size() const noexcept override { return file_.size(); }
  std::string read() override { return file_.read(); }
  void send(GuestStream& stream, Nanoseconds stall) override { file_.send(stream, stall); }

 private:
  ObjectFile file_;
};

class DirectoryBackend : public ObjectBackend {
 public:
  explicit DirectoryBackend(ObjectStore store) : store_(std::move(store)) {}
  std::unique_ptr<Object> open(std::string_view key) override {
    auto file = ObjectFile::open(store_, key);
    return file ? std::make_unique<OpenedFile>(std::move(*file)) : nullptr;
  }
  void set(std::string_view key, std::span<const std::byte> value) override {
    store_.set(key, value);
  }
  bool remove(std::string_view key) override { return store_.remove(key); }
  std::optional<Bytes> size(std::string_view key) override { return store_.size(key); }
  void cancel() noexcept override {}  // files do not keep anybody waiting

 private:
  ObjectStore store_;
};

}  // namespace

std::unique_ptr<ObjectBackend> make_backend(const ObjectStore& store) {
  return std::make_unique<DirectoryBackend>(store);
}

}  // namespace faasnap::store
