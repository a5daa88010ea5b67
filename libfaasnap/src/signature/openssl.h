// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/types.h>

#include <memory>

namespace faasnap::signature {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept;
};
// The state of a hash or a signature. Null if there is no memory for it.
using ContextHandle = std::unique_ptr<EVP_MD_CTX, FreeContext>;
ContextHandle make_context();

// Throws ErrorKind::unsupported: for lack of memory, or where OpenSSL is set up without what
// `operation` needs.
[[noreturn]] void fail_openssl(const char* operation);

}  // namespace faasnap::signature
