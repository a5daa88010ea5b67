// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot_signature.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/path.h"
#include "base/files/pending_file.h"
#include "format/signature_file.h"
#include "signature/keys.h"
#include "signature/signed_content.h"
#include "snapshot/bases.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {
namespace {

constexpr const char* kOpeningSigned = "open signed snapshot";

std::string name_of_key(const signature::PublicKey& key) {
  return fmt::format("{} ({})", format::to_hex(key.id()), key.file().string());
}

}  // namespace

class TrustedKeys::Impl : public std::enable_shared_from_this<TrustedKeys::Impl> {
 public:
  explicit Impl(std::span<const std::filesystem::path> files) : keys_(files.begin(), files.end()) {
    if (keys_.empty()) {
      base::fail(ErrorKind::invalid_argument, kOpeningSigned, {}, "no trusted key is given");
    }
  }

  // Throws ErrorKind::untrusted unless one of the keys has signed `text`, the content of `file`.
  std::shared_ptr<const ContentCheck> check(std::string_view text,
                                            const std::filesystem::path& file) const {
    format::SignatureContent content = format::decode_signature(text, file);
    const auto key = std::ranges::find(keys_, content.key_id, &signature::PublicKey::id);
    if (key == keys_.end()) {
      refuse(file, fmt::format("signed by key {}, which is not trusted; expected one of {}",
                               format::to_hex(content.key_id), names()));
    }
    if (!key->has_signed(format::signed_text(content), content.signature)) {
      refuse(file,
             fmt::format("the signature is not by the key that it names, {}", name_of_key(*key)));
    }
    return std::make_shared<signature::SignedContent>(std::move(content), name_of_key(*key));
  }

  // Opens the snapshot in `directory`, which is the nth base of another, or 0, and its bases.
  std::shared_ptr<const OpenedSnapshot> open(const std::filesystem::path& directory,
                                             const std::vector<std::filesystem::path>& bases,
                                             unsigned n) const;

  std::string names() const {
    std::vector<std::string> names;
    for (const signature::PublicKey& key : keys_) {
      names.push_back(name_of_key(key));
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  [[noreturn]] static void refuse(const std::filesystem::path& file, const std::string& reason) {
    base::fail(ErrorKind::untrusted, kOpeningSigned, file, reason);
  }

 private:
  std::vector<signature::PublicKey> keys_;
};

class SigningKey::Impl : public signature::PrivateKey {
 public:
  using PrivateKey::PrivateKey;
};

TrustedKeys::TrustedKeys(std::span<const std::filesystem::path> files)
    : impl_(std::make_shared<const Impl>(files)) {}

SigningKey::SigningKey(const std::filesystem::path& file)
    : impl_(std::make_unique<const Impl>(file)) {}
SigningKey::SigningKey(SigningKey&& other) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&& other) noexcept = default;
SigningKey::~SigningKey() = default;

std::string SigningKey::id() const { return format::to_hex(impl_->id()); }

Snapshot open_signed(const std::filesystem::path& directory, const TrustedKeys& keys,
                     std::span<const std::filesystem::path> bases) {
  return OpenedSnapshot::of(keys.impl_->open(directory, {bases.begin(), bases.end()}, 0));
}

std::shared_ptr<const OpenedSnapshot> TrustedKeys::Impl::open(
    const std::filesystem::path& directory, const std::vector<std::filesystem::path>& bases,
    unsigned n) const {
  const auto path = base::absolute_path(directory).lexically_normal();
  OpenedSnapshot::Files files = OpenedSnapshot::open_files(path, n);
  const auto file = path / format::kSignatureFile;
  const base::UniqueFd& fd = OpenedSnapshot::fd_in(files, format::kSignatureFile);
  if (!fd) {
    refuse(file,
           fmt::format("the snapshot is not signed; expected a signature by key {}", names()));
  }
  const auto text = base::read_file(fd, file, format::kMaximumSignature);
  return OpenedSnapshot::make(
      path, std::move(files), {},
      {.check = check({reinterpret_cast<const char*>(text.data()), text.size()}, file),
       .open_base =
           [impl = shared_from_this(), bases](const SnapshotInfo& layer,
                                              const std::filesystem::path& of, unsigned next) {
             return impl->open(find_base(*layer.base, of, bases), bases, next);
           },
       .n = n});
}

void sign_snapshot(const std::filesystem::path& directory, const SigningKey& key,
                   const Progress& progress, std::span<const std::filesystem::path> bases) {
  const auto path = base::absolute_path(directory).lexically_normal();
  const auto collected = std::make_shared<const signature::CollectedContent>();
  const Snapshot snapshot =
      OpenedSnapshot::of_files(path, OpenedSnapshot::open_files(path), {},
                               {.check = collected, .open_base = OpenedSnapshot::bases_in(bases)});
  if (snapshot.info().format_version != format::kSnapshotVersion) {
    base::fail(ErrorKind::version, "sign snapshot", path,
               fmt::format("has format version {}, expected {}; 'faasnap snapshot upgrade' writes "
                           "it anew",
                           snapshot.info().format_version, format::kSnapshotVersion));
  }
  snapshot.verify(progress);
  format::SignatureContent content{key.impl_->id(), collected->parts(), {}};
  content.signature = key.impl_->sign(format::signed_text(content));
  const std::string text = format::encode_signature(content);
  base::PendingFile file(path);
  base::write_exact(file.fd(), std::as_bytes(std::span(text)), 0, file.path());
  file.publish_durably(path / format::kSignatureFile);
}

}  // namespace faasnap
