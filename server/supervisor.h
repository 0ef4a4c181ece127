// Tells the supervisor of this process how the server is: systemd's sd_notify(3), which is
// a datagram to the socket named by NOTIFY_SOCKET. Without that variable
// nothing happens.
//
// Thread-safe.
#pragma once

#include <string>

namespace conntrack {

// Sends one state, such as "READY=1"; several are separated by newlines. What
// cannot be sent is lost, as the protocol has it.
void NotifySupervisor(const std::string& state);

}  // namespace conntrack
