// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <string>

// What a connection's socket is asked, whatever is spoken over it.
namespace platform::http {

// Waits until the socket is ready for `events` of poll(2), or closed. Returns false if `patience`
// passes first, or the descriptor `ending`, unless it is -1, becomes readable.
bool wait_for_socket(int socket, short events, std::chrono::milliseconds patience, int ending = -1);

// Takes ::getpeername or ::getsockname. Leaves both as they are if there is no such address.
void describe_socket(int (*get_name)(int, sockaddr*, socklen_t*), int socket, std::string& ip,
                     int& port);

void close_socket(int socket);

}  // namespace platform::http
