// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include <faasnap/export.h>
#include <faasnap/progress.h>
#include <faasnap/snapshot.h>

namespace faasnap {

// Signatures of snapshots (docs/security.md#signatures): Ed25519 (RFC 8032) over SHA-256 digests of
// a snapshot's manifest, files and images. Keys are PEM files as OpenSSL writes them:
//
//   openssl genpkey -algorithm ED25519 -out private.pem
//   openssl pkey -in private.pem -pubout -out public.pem
//
// The id of a key is the SHA-256 of the public key's DER form, in 64 hexadecimal digits.

// Public keys, at least one, of which any may have signed a snapshot. Immutable, cheap to copy,
// safe from any thread.
class FAASNAP_EXPORT TrustedKeys {
 public:
  // Throws ErrorKind::not_found, and ErrorKind::invalid_argument if `files` is empty or a file does
  // not hold a public key of Ed25519.
  explicit TrustedKeys(std::span<const std::filesystem::path> files);

 private:
  class Impl;
  friend Snapshot open_signed(const std::filesystem::path& directory, const TrustedKeys& keys,
                              std::span<const std::filesystem::path> bases);
  std::shared_ptr<const Impl> impl_;
};

// A private key. Owns its memory, which is wiped at the end. Safe from any thread.
class FAASNAP_EXPORT SigningKey {
 public:
  // Throws ErrorKind::not_found, and ErrorKind::invalid_argument if the file does not hold a
  // private key of Ed25519 without a passphrase.
  explicit SigningKey(const std::filesystem::path& file);
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();

  std::string id() const;

 private:
  class Impl;
  friend void sign_snapshot(const std::filesystem::path& directory, const SigningKey& key,
                            const Progress& progress, std::span<const std::filesystem::path> bases);
  std::unique_ptr<const Impl> impl_;
};

// Opens a snapshot as Snapshot::open does, if one of `keys` has signed it. What opening reads is
// held against the signature before anything is made of it: manifest, state, recordings and the
// tables of sets. Snapshot::verify then does so with the content of memory, sets and images, which
// no restore reads as a whole; a restore does so with the root image, unless it is the file that
// was there when the snapshot was signed on this host.
//
// The base of a layer is found as Snapshot::open finds it, and must be signed by one of `keys` as
// well: the layer's signature covers which base it is, the base's own what is in it.
//
// Throws what Snapshot::open throws, and ErrorKind::untrusted, with the file and the key, if the
// signature is missing, of another key, or not of this content.
FAASNAP_EXPORT Snapshot open_signed(const std::filesystem::path& directory, const TrustedKeys& keys,
                                    std::span<const std::filesystem::path> bases = {});

// Verifies the snapshot in `directory` as Snapshot::verify does, which reads all of it and of its
// images, and writes the file `signature`, or replaces it, at once. Throws what verify throws, and
// ErrorKind::version if the snapshot has an older format version (Snapshot::upgrade). Signs no
// base; `bases` as in Snapshot::open.
FAASNAP_EXPORT void sign_snapshot(const std::filesystem::path& directory, const SigningKey& key,
                                  const Progress& progress = {},
                                  std::span<const std::filesystem::path> bases = {});

}  // namespace faasnap
