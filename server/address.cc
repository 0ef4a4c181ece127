#include "server/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace conntrack {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = absl::StrCat(address.port);
  const int error = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(),
                                &hints, &list);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown host ", address.host, ": ", gai_strerror(error)));
  }
  return AddressList(list, &freeaddrinfo);
}

bool IsLoopbackAddress(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
  }
  return false;
}

absl::Status SystemError(int error) { return absl::UnavailableError(std::strerror(error)); }

absl::Status CheckUnixFree(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError(
        absl::StrCat("the path is longer than ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError(errno);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(fd);
  if (result == 0) return SystemError(EADDRINUSE);
  // Nobody listens, or there is no socket yet: then the directory must be there.
  if (error == ECONNREFUSED) return absl::OkStatus();
  if (error != ENOENT) return SystemError(error);
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return access(directory.c_str(), W_OK) == 0 ? absl::OkStatus() : SystemError(errno);
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  ListenAddress address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    // "unix:///path" is how URIs write it.
    if (absl::StartsWith(rest, "//")) rest.remove_prefix(2);
    if (!absl::StartsWith(rest, "/")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" needs an absolute path, as in unix:/run/conntrack.sock"));
    }
    address.path = std::string(rest);
    return address;
  }
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not host:port, [ipv6]:port or unix:/path"));
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return wrong;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  if (absl::StartsWith(host, "[")) {
    if (!absl::EndsWith(host, "]")) return wrong;
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ":")) {
    return wrong;
  }
  if (port.empty() || port.find_first_not_of("0123456789") != absl::string_view::npos) return wrong;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(port, &number) || number > 65'535) {
    return absl::InvalidArgumentError(
        absl::StrCat("port ", port, " of \"", text, "\" is not between 0 and 65535"));
  }
  address.host = std::string(host);
  address.port = static_cast<uint16_t>(number);
  return address;
}

absl::StatusOr<bool> IsLoopback(const ListenAddress& address) {
  if (address.is_unix()) return true;
  if (address.host.empty()) return false;
  const absl::StatusOr<AddressList> list = Resolve(address);
  if (!list.ok()) return list.status();
  for (const addrinfo* entry = list->get(); entry != nullptr; entry = entry->ai_next) {
    if (!IsLoopbackAddress(entry->ai_addr)) return false;
  }
  return true;
}

absl::StatusOr<std::string> NumericAddress(const ListenAddress& address) {
  if (address.host.empty()) return absl::StrCat("0.0.0.0:", address.port);
  const absl::StatusOr<AddressList> list = Resolve(address);
  if (!list.ok()) return list.status();
  std::array<char, NI_MAXHOST> host = {};
  const addrinfo* const first = list->get();
  const int error = getnameinfo(first->ai_addr, first->ai_addrlen, host.data(), host.size(),
                                nullptr, 0, NI_NUMERICHOST);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown host ", address.host, ": ", gai_strerror(error)));
  }
  if (first->ai_family == AF_INET6) return absl::StrCat("[", host.data(), "]:", address.port);
  return absl::StrCat(host.data(), ":", address.port);
}

absl::Status CheckFree(const ListenAddress& address) {
  if (address.is_unix()) return CheckUnixFree(address.path);
  const absl::StatusOr<AddressList> list = Resolve(address);
  if (!list.ok()) return list.status();
  for (const addrinfo* entry = list->get(); entry != nullptr; entry = entry->ai_next) {
    const int fd = socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;  // A host without this family.
    const int on = 1;
    // As the server itself does, so that an address in TIME_WAIT is free.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (entry->ai_family == AF_INET6) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    const bool bound = bind(fd, entry->ai_addr, entry->ai_addrlen) == 0 && listen(fd, 1) == 0;
    const int error = errno;
    close(fd);
    if (!bound) return SystemError(error);
  }
  return absl::OkStatus();
}

}  // namespace conntrack
