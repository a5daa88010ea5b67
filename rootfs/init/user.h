// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_USER_H_
#define FAASNAP_INIT_USER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace faasnap::init {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  // Empty if the user has no entry in passwd(5).
  std::string home;
};

// Returns the user that `text` names: uid, uid:gid, name, name:group, or a mixture. `passwd` and
// `group` are the contents of the files of that name. A uid without a gid has the group of its
// entry, else group 0, as the OCI image specification has it. Returns nothing for unknown names.
std::optional<User> find_user(std::string_view text, std::string_view passwd,
                              std::string_view group);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_USER_H_
