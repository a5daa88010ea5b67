// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>

#include "format/signature_file.h"
#include "snapshot/content_check.h"

namespace faasnap::signature {

// Collects the digests of everything that is read of a snapshot, to be signed. For one thread at a
// time.
class CollectedContent : public ContentCheck {
 public:
  std::unique_ptr<ContentPart> begin(std::string_view part,
                                     const std::filesystem::path& file) const override;
  // Always true.
  bool is(std::string_view part, std::span<const std::byte> bytes) const override;

  // Returns the digests of the parts that were read whole.
  const std::map<std::string, format::Digest, std::less<>>& parts() const noexcept {
    return parts_;
  }

 private:
  class Part;
  mutable std::map<std::string, format::Digest, std::less<>> parts_;
};

// Holds what is read of a snapshot against a signature that has been found good. Throws
// ErrorKind::untrusted.
class SignedContent : public ContentCheck {
 public:
  // `key` is the name of the key in messages.
  SignedContent(format::SignatureContent content, std::string key);

  std::unique_ptr<ContentPart> begin(std::string_view part,
                                     const std::filesystem::path& file) const override;
  bool is(std::string_view part, std::span<const std::byte> bytes) const override;

 private:
  class Part;
  format::SignatureContent content_;
  std::string key_;
};

}  // namespace faasnap::signature
