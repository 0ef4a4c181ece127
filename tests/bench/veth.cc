#include "tests/bench/veth.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

// Frames of one system call.
constexpr size_t kBurst = 64;

void Run(const std::string& command) { CT_CHECK(std::system(command.c_str()) == 0); }

int OpenSender() {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  CT_CHECK(fd >= 0);
  const int on = 1;
  CT_CHECK(setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) == 0);
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(kVethSender));
  CT_CHECK(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

}  // namespace

std::string WhyNoVeth() {
  std::string reason;
  std::thread([&reason] {
    if (unshare(CLONE_NEWNET) != 0) reason = std::strerror(errno);
  }).join();
  return reason;
}

void WithVeth(const std::function<void()>& work) {
  std::thread([&work] {
    CT_CHECK(unshare(CLONE_NEWNET) == 0);
    // No frames but those sent here.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
    const std::string sender = kVethSender;
    const std::string receiver = kVethReceiver;
    Run("ip link add " + sender + " type veth peer name " + receiver);
    Run("ip link set " + receiver + " up && ip link set " + sender + " up");
    work();
  }).join();
}

void SendFrames(const std::vector<std::string>& frames, size_t count) {
  CT_CHECK(!frames.empty());
  const int fd = OpenSender();
  std::vector<iovec> pieces(kBurst);
  std::vector<mmsghdr> messages(kBurst);
  size_t next = 0;
  for (size_t sent = 0; sent < count;) {
    const size_t burst = std::min(kBurst, count - sent);
    for (size_t i = 0; i < burst; ++i) {
      const std::string& frame = frames[(next + i) % frames.size()];
      pieces[i] = {const_cast<char*>(frame.data()), frame.size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = sendmmsg(fd, messages.data(), static_cast<unsigned>(burst), 0);
    // The queue of the device is full.
    if (taken < 0 && (errno == ENOBUFS || errno == EAGAIN)) continue;
    CT_CHECK(taken > 0);
    sent += static_cast<size_t>(taken);
    next += static_cast<size_t>(taken);
  }
  close(fd);
}

}  // namespace conntrack::bench
