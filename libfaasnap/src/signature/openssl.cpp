// SPDX-License-Identifier: Apache-2.0

#include "signature/openssl.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"

namespace faasnap::signature {

void FreeContext::operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }

ContextHandle make_context() { return ContextHandle(EVP_MD_CTX_new()); }

void fail_openssl(const char* operation) {
  ERR_clear_error();
  base::fail(ErrorKind::unsupported, operation, {}, "OpenSSL cannot");
}

}  // namespace faasnap::signature
