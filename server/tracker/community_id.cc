#include "server/tracker/community_id.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/tracker/check.h"

namespace conntrack {
namespace {

constexpr absl::string_view kVersion = "1:";

// One end as the digest takes it: an address, and a port or what stands for one.
struct End {
  Address address;
  uint16_t port = 0;

  friend auto operator<=>(const End& a, const End& b) {
    return std::tie(a.address.high, a.address.low, a.port) <=>
           std::tie(b.address.high, b.address.low, b.port);
  }
};

// What is digested, in network byte order.
class Flow {
 public:
  void Add(uint64_t value, size_t bytes) {
    for (size_t i = bytes; i-- > 0;) bytes_[size_++] = static_cast<uint8_t>(value >> (8 * i));
  }
  void Add(Family family, const Address& address) {
    if (family == Family::kIpv6) Add(address.high, 8);
    Add(address.low, family == Family::kIpv6 ? 8 : 4);
  }
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return size_; }

 private:
  // Seed, two addresses, protocol with padding, two ports.
  std::array<uint8_t, 2 + 2 * 16 + 2 + 2 * 2> bytes_;
  size_t size_ = 0;
};

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const EVP_MD* Algorithm() {
  // Looking it up costs more than a digest.
  static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return sha1;
}

CommunityId Sha1(const Flow& flow) {
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  CommunityId id;
  const bool digested = EVP_DigestInit_ex2(context.get(), Algorithm(), nullptr) == 1 &&
                        EVP_DigestUpdate(context.get(), flow.data(), flow.size()) == 1 &&
                        EVP_DigestFinal_ex(context.get(), id.data(), nullptr) == 1;
  CT_CHECK(digested);
  return id;
}

}  // namespace

CommunityId CommunityIdOf(const ConnectionRef& connection) {
  const uint8_t protocol = connection.protocol();
  const bool icmp = IsIcmpOf(connection.family(), protocol);
  const bool has_ports = icmp || HasPorts(protocol);
  const uint32_t ports = connection.ports(Direction::kOriginal);
  End source{connection.source(Direction::kOriginal)};
  End destination{connection.destination(Direction::kOriginal)};
  if (icmp) {
    // The type of the query, and that of its answer.
    source.port = IcmpType(ports);
    destination.port = IcmpType(connection.ports(Direction::kReply));
  } else if (has_ports) {
    source.port = SourcePort(ports);
    destination.port = DestinationPort(ports);
  }
  if (destination < source) std::swap(source, destination);
  Flow flow;
  flow.Add(0, 2);  // The seed.
  flow.Add(connection.family(), source.address);
  flow.Add(connection.family(), destination.address);
  flow.Add(protocol, 1);
  flow.Add(0, 1);
  if (has_ports) {
    flow.Add(source.port, 2);
    flow.Add(destination.port, 2);
  }
  return Sha1(flow);
}

void LoadCommunityId() { Algorithm(); }

std::string FormatCommunityId(const CommunityId& id) {
  const absl::string_view bytes(reinterpret_cast<const char*>(id.data()), id.size());
  return absl::StrCat(kVersion, absl::Base64Escape(bytes));
}

std::optional<CommunityId> ParseCommunityId(absl::string_view text) {
  std::string bytes;
  CommunityId id;
  if (text.size() != kCommunityIdBytes || !absl::ConsumePrefix(&text, kVersion) ||
      !absl::Base64Unescape(text, &bytes) || bytes.size() != id.size()) {
    return std::nullopt;
  }
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

}  // namespace conntrack
