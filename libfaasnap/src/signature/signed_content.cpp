// SPDX-License-Identifier: Apache-2.0

#include "signature/signed_content.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "signature/sha256.h"

namespace faasnap::signature {
namespace {

constexpr const char* kCheckingContent = "check signature";

}  // namespace

class CollectedContent::Part : public ContentPart {
 public:
  Part(const CollectedContent& all, std::string_view name) : all_(all), name_(name) {}
  void take(std::span<const std::byte> bytes) override { hash_.add(bytes); }
  void finish() override { all_.parts_[name_] = hash_.digest(); }

 private:
  const CollectedContent& all_;
  std::string name_;
  Sha256 hash_;
};

std::unique_ptr<ContentPart> CollectedContent::begin(std::string_view part,
                                                     const std::filesystem::path&) const {
  return std::make_unique<Part>(*this, part);
}

bool CollectedContent::is(std::string_view part, std::span<const std::byte> bytes) const {
  parts_[std::string(part)] = Sha256::of(bytes);
  return true;
}

class SignedContent::Part : public ContentPart {
 public:
  Part(const format::Digest& expected, const std::string& key, const std::filesystem::path& file)
      : expected_(expected), key_(key), file_(file) {}
  void take(std::span<const std::byte> bytes) override { hash_.add(bytes); }
  void finish() override {
    if (hash_.digest() != expected_) {
      base::fail(ErrorKind::untrusted, kCheckingContent, file_,
                 fmt::format("is not what was signed by key {}; a snapshot that was recorded or "
                             "changed since must be signed again ('faasnap snapshot sign')",
                             key_));
    }
  }

 private:
  const format::Digest& expected_;
  const std::string& key_;
  std::filesystem::path file_;
  Sha256 hash_;
};

SignedContent::SignedContent(format::SignatureContent content, std::string key)
    : content_(std::move(content)), key_(std::move(key)) {}

std::unique_ptr<ContentPart> SignedContent::begin(std::string_view part,
                                                  const std::filesystem::path& file) const {
  const auto expected = content_.parts.find(part);
  if (expected == content_.parts.end()) {
    base::fail(ErrorKind::untrusted, kCheckingContent, file,
               fmt::format("'{}' is not among what was signed by key {}", part, key_));
  }
  return std::make_unique<Part>(expected->second, key_, file);
}

bool SignedContent::is(std::string_view part, std::span<const std::byte> bytes) const {
  const auto expected = content_.parts.find(part);
  return expected != content_.parts.end() && Sha256::of(bytes) == expected->second;
}

}  // namespace faasnap::signature
