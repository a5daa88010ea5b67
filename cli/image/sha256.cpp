// SPDX-License-Identifier: Apache-2.0

#include "image/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "run/interruption.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kHashPiece = 1 << 20;

void check_hash(int result) {
  if (result != 1) {
    throw tools::Failure("OpenSSL has no SHA-256 here");
  }
}

}  // namespace

std::string sha256(const ByteSource& source, const std::function<bool(Bytes, Bytes)>& progress) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  check_hash(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr));
  std::vector<std::byte> piece(std::min(kHashPiece, source.size()));
  for (std::uint64_t done = 0; done < source.size();) {
    const auto part = std::span(piece).first(std::min(kHashPiece, source.size() - done));
    source.read(done, part);
    check_hash(EVP_DigestUpdate(context.get(), part.data(), part.size()));
    done += part.size();
    if (progress && !progress(Bytes{done}, Bytes{source.size()})) {
      throw Interrupted();
    }
  }
  std::array<unsigned char, 32> sum{};
  check_hash(EVP_DigestFinal_ex(context.get(), sum.data(), nullptr));
  return fmt::format("{:02x}", fmt::join(sum, ""));
}

std::string sha256_of_file(const std::filesystem::path& file,
                           const std::function<bool(Bytes, Bytes)>& progress) {
  return sha256(HostFile(file, std::filesystem::file_size(file)), progress);
}

}  // namespace faasnap::cli
