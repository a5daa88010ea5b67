// SPDX-License-Identifier: Apache-2.0

#include "signature/keys.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <span>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "signature/openssl.h"
#include "signature/sha256.h"

namespace faasnap::signature {
namespace {

constexpr const char* kReadingKey = "read key";
constexpr Bytes kMaximumKeyFile{64ULL << 10};

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

// The content of a key file; wiped at the end.
class KeyFile {
 public:
  explicit KeyFile(const std::filesystem::path& path)
      : bytes_(base::read_file(path, kMaximumKeyFile)) {}
  ~KeyFile() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;

  std::unique_ptr<BIO, FreeBio> open() const {
    return std::unique_ptr<BIO, FreeBio>(
        BIO_new_mem_buf(bytes_.data(), static_cast<int>(bytes_.size())));
  }

 private:
  std::vector<std::byte> bytes_;
};

int no_passphrase(char*, int, int, void*) { return -1; }

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

KeyHandle checked(KeyHandle key, const std::filesystem::path& file, const char* expected) {
  ERR_clear_error();
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    base::fail(ErrorKind::invalid_argument, kReadingKey, file, std::string("is not ") + expected);
  }
  return key;
}

format::Digest id_of(const KeyHandle& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) {
    fail_openssl("encode key");
  }
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
      der, [](unsigned char* bytes) { OPENSSL_free(bytes); });
  return Sha256::of(std::as_bytes(std::span(der, static_cast<std::size_t>(size))));
}

}  // namespace

void FreeKey::operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }

PublicKey::PublicKey(const std::filesystem::path& file) : file_(file) {
  const KeyFile content(file);
  key_ = checked(
      KeyHandle(PEM_read_bio_PUBKEY(content.open().get(), nullptr, no_passphrase, nullptr)), file,
      "a public key of Ed25519 in PEM, as 'openssl pkey -in PRIVATE.pem -pubout' writes "
      "it");
  id_ = id_of(key_);
}

bool PublicKey::has_signed(std::string_view text, const format::SignatureBytes& signature) const {
  const ContextHandle context = make_context();
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1) {
    fail_openssl("verify signature");
  }
  const bool good =
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), data_of(text), text.size()) == 1;
  ERR_clear_error();
  return good;
}

PrivateKey::PrivateKey(const std::filesystem::path& file) {
  const KeyFile content(file);
  key_ = checked(
      KeyHandle(PEM_read_bio_PrivateKey(content.open().get(), nullptr, no_passphrase, nullptr)),
      file,
      "a private key of Ed25519 in PEM without a passphrase, as 'openssl genpkey "
      "-algorithm ED25519' writes it");
  id_ = id_of(key_);
}

format::SignatureBytes PrivateKey::sign(std::string_view text) const {
  const ContextHandle context = make_context();
  format::SignatureBytes signature{};
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     data_of(text), text.size()) != 1) {
    fail_openssl("sign");
  }
  return signature;
}

}  // namespace faasnap::signature
