// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "remote_disk/link.h"
#include "remote_disk/nbd_device.h"
#include "remote_disk/nbd_server.h"

namespace faasnap::bench {

// A file system on a block device that reads as slowly as one across a network: its blocks lie in a
// file, and a server in this process serves them. Writes are as fast as the file. Its content is
// lost with it.
class RemoteDisk {
 public:
  // Keeps the file and the mount point in the directory `place`, after removing what an interrupted
  // run has left there. Throws std::runtime_error without root or a kernel feature that it needs.
  RemoteDisk(const std::filesystem::path& place, const LinkSpeed& speed);
  ~RemoteDisk();
  RemoteDisk(const RemoteDisk&) = delete;
  RemoteDisk& operator=(const RemoteDisk&) = delete;

  // Returns the mount point.
  const std::filesystem::path& directory() const noexcept { return mounted_; }
  // Returns what has been read from it so far.
  NbdServer::Traffic reads() const noexcept { return server_->reads(); }

 private:
  void make(const LinkSpeed& speed);
  void make_file_system() const;
  void remove() noexcept;

  std::filesystem::path file_;
  std::filesystem::path mounted_;
  std::unique_ptr<NbdServer> server_;
  std::unique_ptr<NbdDevice> device_;  // destroyed before its server
};

}  // namespace faasnap::bench
