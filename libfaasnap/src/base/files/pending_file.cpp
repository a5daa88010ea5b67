// SPDX-License-Identifier: Apache-2.0

#include "base/files/pending_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/files/claim.h"
#include "base/files/file.h"
#include "base/random.h"

namespace faasnap::base {

PendingFile::PendingFile(const std::filesystem::path& directory) {
  do {
    path_ = directory / (std::string(kPendingPrefix) + base::random_id());
    fd_ = base::open_file(path_, O_WRONLY | O_CREAT | O_EXCL);
  } while (!claimed());
}

bool PendingFile::claimed() const {
  try {
    return base::claim(fd_, path_);
  } catch (const Error&) {
    ::unlink(path_.c_str());
    throw;
  }
}

PendingFile::~PendingFile() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

void PendingFile::publish(const std::filesystem::path& target) {
  if (::rename(path_.c_str(), target.c_str()) != 0) {
    base::fail_errno("rename", target);
  }
  path_.clear();
}

void PendingFile::publish_durably(const std::filesystem::path& target) {
  if (::fsync(fd_.get()) != 0) {
    base::fail_errno("fsync", path_);
  }
  publish(target);
  base::sync_directory(target.parent_path());
}

}  // namespace faasnap::base
