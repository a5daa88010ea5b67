#pragma once

#include <filesystem>

#include <faasnap/host.h>

namespace faasnap::host {

// The checks that inspect_host is made of. Each tries its feature out; what goes wrong is part of
// the answer.

// `directory` must exist.
HostCheck check_file_system(const std::filesystem::path& directory);
HostCheck check_free_space(const std::filesystem::path& directory);
HostCheck check_read_ahead(const std::filesystem::path& directory);

HostCheck check_io_uring();
HostCheck check_userfaultfd();
// Waits a second at most, whatever the options say.
HostCheck check_redis(RedisOptions options);

}  // namespace faasnap::host
