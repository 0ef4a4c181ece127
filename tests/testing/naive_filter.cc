#include "tests/testing/naive_filter.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <functional>

#include "absl/strings/escaping.h"

namespace conntrack::testing {
namespace {

using Values = std::vector<NaiveValue>;

std::string BitsOf(Family family, const Address& address) {
  std::string bits;
  for (int i = 63; i >= 0 && family == Family::kIpv6; --i) {
    bits.push_back((address.high >> i & 1) != 0 ? '1' : '0');
  }
  for (int i = family == Family::kIpv6 ? 63 : 31; i >= 0; --i) {
    bits.push_back((address.low >> i & 1) != 0 ? '1' : '0');
  }
  return bits;
}

NaiveValue Number(WideNumber number) { return {number, ""}; }

// An address's text; missing bits of a prefix are zeros.
std::string AddressText(std::string bits, bool ipv6) {
  bits.resize(ipv6 ? 128 : 32, '0');
  std::array<uint8_t, 16> bytes = {};
  for (size_t i = 0; i < bits.size(); ++i) {
    bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] << 1 | (bits[i] == '1' ? 1 : 0));
  }
  std::array<char, INET6_ADDRSTRLEN> text;
  inet_ntop(ipv6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

struct FieldReader {
  const ConnectionRef& connection;
  Time now;
  const NaiveContext& context;

  Values Addresses(const std::string& field) const {
    const Family family = connection.family();
    const std::string source = BitsOf(family, connection.source(Direction::kOriginal));
    const std::string destination = BitsOf(family, connection.destination(Direction::kOriginal));
    if (field == "address") return {{0, source}, {0, destination}};
    // The reply is the inverse of the original.
    const bool is_source = field == "original.source" || field == "reply.destination";
    return {{0, is_source ? source : destination}};
  }

  Values Ports(const std::string& field) const {
    const uint8_t protocol = connection.protocol();
    if (protocol != 6 && protocol != 17 && protocol != 132 && protocol != 136) return {};
    const uint32_t word = connection.ports(Direction::kOriginal);
    const NaiveValue source = Number(word / 65536);
    const NaiveValue destination = Number(word % 65536);
    if (field == "port") return {source, destination};
    const bool is_source = field == "original.source_port" || field == "reply.destination_port";
    return {is_source ? source : destination};
  }

  Values Icmp(const std::string& field) const {
    const bool is_icmp = connection.protocol() == (connection.family() == Family::kIpv4 ? 1 : 58);
    if (!is_icmp) return {};
    const uint32_t word = connection.ports(Direction::kOriginal);
    if (field == "icmp.type") return {Number(word >> 24)};
    if (field == "icmp.code") return {Number(word >> 16 & 255)};
    return {Number(word & 65535)};
  }

  Values Gre(const std::string& field) const {
    if (connection.protocol() != 47) return {};
    const uint32_t keys = connection.ports(Direction::kOriginal);
    return {Number(field == "gre.source_key" ? keys / 65536 : keys % 65536)};
  }

  Values Sctp(const std::string& field) const {
    if (connection.protocol() != 132) return {};
    return {Number(connection.record().sctp.tag[field.starts_with("sctp.reply") ? 1 : 0])};
  }

  // The digest of a text of bits: the two ends in order, each address with its port.
  Values CommunityId() const {
    const uint8_t protocol = connection.protocol();
    std::vector<NaiveValue> ends = Addresses("address");
    Values ports = Ports("port");
    if (const Values type = Icmp("icmp.type"); !type.empty()) {
      // The answers to the questions.
      static const std::map<int, int> kAnswers = {{8, 0}, {13, 14}, {15, 16}, {17, 18}, {128, 129}};
      const auto answer = kAnswers.find(static_cast<int>(type[0].number));
      ports = {type[0], Number(answer == kAnswers.end() ? 0 : answer->second)};
    }
    std::array<std::string, 2> port_bits;
    for (size_t i = 0; i < ports.size(); ++i) {
      port_bits[i] = BitsOf(Family::kIpv4, {0, static_cast<uint64_t>(ports[i].number)}).substr(16);
    }
    if (ends[1].bits + port_bits[1] < ends[0].bits + port_bits[0]) {
      std::swap(ends[0], ends[1]);
      std::swap(port_bits[0], port_bits[1]);
    }
    const std::string bits = std::string(16, '0') + ends[0].bits + ends[1].bits +
                             BitsOf(Family::kIpv4, {0, protocol}).substr(24) + "00000000" +
                             port_bits[0] + port_bits[1];
    std::string bytes;
    for (size_t i = 0; i < bits.size(); i += 8) {
      bytes.push_back(static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2)));
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    size_t size = 0;
    EVP_Q_digest(nullptr, "SHA1", nullptr, bytes.data(), bytes.size(), digest.data(), &size);
    return {{0, std::string(digest.begin(), digest.begin() + size)}};
  }

  Values Counters(const std::string& field) const {
    const auto& original = connection.counters(Direction::kOriginal);
    const auto& reply = connection.counters(Direction::kReply);
    if (field == "packets") return {Number(WideNumber{original.packets} + reply.packets)};
    if (field == "bytes") return {Number(WideNumber{original.bytes} + reply.bytes)};
    const auto& counters = field.starts_with("original") ? original : reply;
    return {Number(field.ends_with("packets") ? counters.packets : counters.bytes)};
  }

  static Values SetBits(WideNumber bits) {
    Values set;
    for (int bit = 0; bit < 128; ++bit) {
      if ((bits >> bit & 1) != 0) set.push_back(Number(bit));
    }
    return set;
  }

  Values Other(const std::string& field) const {
    const Extra& extra = connection.extra();
    const Record& record = connection.record();
    if (field == "zone") return {Number(extra.zone_id)};
    if (field == "id") return {Number(extra.id)};
    if (field == "slot") return {Number(extra.id % context.slot_count)};
    if (field == "protocol") return {Number(record.protocol)};
    if (field == "family") return {Number(record.ipv6 ? 6 : 4)};
    if (field == "seen_reply") return {Number((record.status & 2) != 0)};
    if (field == "assured") return {Number((record.status & 4) != 0)};
    if (field == "mark") return {Number(extra.mark)};
    if (field == "sensor") return {Number(record.sensor)};
    if (field == "status") return SetBits(record.status);
    if (field == "labels") {
      return SetBits(WideNumber{connection.labels().high} << 64 | connection.labels().low);
    }
    if (field == "age") return {Number(UnixNanos(now) - UnixNanos(extra.created))};
    if (field == "expires") return {Number(UnixNanos(record.deadline) - UnixNanos(now))};
    if (field == "idle") {
      return {Number(UnixNanos(now) -
                     (UnixNanos(record.deadline) - WideNumber{record.timeout_ms} * 1'000'000))};
    }
    // States by their place in kStateNames.
    if (record.protocol == 6) return {Number(static_cast<int>(record.tcp.state))};
    if (record.protocol != 132) return {};
    return {Number(record.sctp.state == SctpState::kEstablished
                       ? 3
                       : 9 + static_cast<int>(record.sctp.state) -
                             (record.sctp.state > SctpState::kEstablished ? 1 : 0))};
  }
};

const std::vector<std::string> kProtocolNames = {"TCP",  "UDP",     "ICMP", "ICMPV6",
                                                 "SCTP", "UDPLITE", "GRE"};
const std::map<std::string, WideNumber> kProtocolNumbers = {
    {"TCP", 6},    {"UDP", 17},      {"ICMP", 1}, {"ICMPV6", 58},
    {"SCTP", 132}, {"UDPLITE", 136}, {"GRE", 47}};
const std::vector<std::string> kStateNames = {"",
                                              "SYN_SENT",
                                              "SYN_RECV",
                                              "ESTABLISHED",
                                              "FIN_WAIT",
                                              "CLOSE_WAIT",
                                              "LAST_ACK",
                                              "TIME_WAIT",
                                              "CLOSE",
                                              "SYN_SENT2",
                                              "CLOSED",
                                              "COOKIE_WAIT",
                                              "COOKIE_ECHOED",
                                              "SHUTDOWN_SENT",
                                              "SHUTDOWN_RECD",
                                              "SHUTDOWN_ACK_SENT",
                                              "HEARTBEAT_SENT"};

// By bit.
const std::map<int, std::string> kStatusNames = {
    {0, "EXPECTED"}, {1, "SEEN_REPLY"}, {2, "ASSURED"}, {3, "CONFIRMED"}, {9, "DYING"}};

bool IsOneOf(const std::string& field, const std::vector<std::string>& fields) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

bool IsAddress(const std::string& field) {
  return IsOneOf(field, {"original.source", "original.destination", "reply.source",
                         "reply.destination", "address"});
}
bool IsCommunityId(const std::string& field) { return field == "community_id"; }
bool IsDuration(const std::string& field) { return IsOneOf(field, {"age", "idle", "expires"}); }
bool HasOrder(const std::string& field) {
  return !IsAddress(field) && !IsCommunityId(field) &&
         !IsOneOf(field, {"protocol", "family", "state", "seen_reply", "assured", "sensor"});
}
bool HoldsSeveral(const std::string& field) { return field == "status" || field == "labels"; }
bool MayBeAbsent(const std::string& field) {
  return field == "state" || field == "labels" || field.starts_with("icmp.") ||
         field.starts_with("gre.") || field.starts_with("sctp.") || field.ends_with("port");
}
// The highest value that a filter may name.
WideNumber MaxOf(const std::string& field, const NaiveContext& context) {
  if (field == "slot") return context.slot_count - 1;
  if (field == "zone" || field == "mark" || field.starts_with("sctp.")) return UINT32_MAX;
  if (field == "labels") return 127;
  if (field == "icmp.type" || field == "icmp.code") return UINT8_MAX;
  if (field.ends_with("port") || field.ends_with("key") || field == "icmp.id") return UINT16_MAX;
  if (IsDuration(field)) return WideNumber{9'000'000'000} * 1'000'000'000;
  return UINT64_MAX;
}

std::string Decimal(WideNumber number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number != 0);
  return digits;
}

std::string RandomCase(std::string text, Random* random) {
  for (char& c : text) {
    if (random->OneIn(4)) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

std::string DurationText(WideNumber nanos, Random* random) {
  std::string text = Decimal(nanos / 1'000'000'000);
  std::string decimals = Decimal(nanos % 1'000'000'000 + 1'000'000'000).substr(1);
  if (random->OneIn(2)) decimals.erase(decimals.find_last_not_of('0') + 1);
  return decimals.empty() ? text + "s" : text + "." + decimals + "s";
}

// One of the texts of a value.
std::string ValueText(const std::string& field, const NaiveValue& value, bool prefix,
                      const NaiveContext& context, Random* random) {
  if (IsCommunityId(field)) return "1:" + absl::Base64Escape(value.bits);
  if (!value.bits.empty() && !prefix) return AddressText(value.bits, value.bits.size() == 128);
  const auto number = static_cast<uint64_t>(value.number);
  if (field == "protocol") {
    for (const auto& [name, known] : kProtocolNumbers) {
      if (known == value.number && !random->OneIn(3)) return RandomCase(name, random);
    }
  }
  if (field == "family") {
    return random->OneIn(2) ? Decimal(value.number)
                            : RandomCase("IPV" + Decimal(value.number), random);
  }
  if (field == "state") return RandomCase(kStateNames[number], random);
  if (field == "status") return RandomCase(kStatusNames.at(static_cast<int>(number)), random);
  if (value.mask != 0) {
    return Decimal(value.number) + "/" + Decimal(value.mask);
  }
  if (field == "seen_reply" || field == "assured") return number == 1 ? "true" : "false";
  if (field == "sensor") {
    for (const auto& [name, index] : context.sensors) {
      if (index == number) return name;
    }
  }
  if (IsDuration(field)) return DurationText(value.number, random);
  if (random->OneIn(8) && field != "protocol") {
    std::array<char, 32> hex;
    std::snprintf(hex.data(), hex.size(), "0x%llx", static_cast<unsigned long long>(number));
    return hex.data();
  }
  return Decimal(value.number);
}

std::string Space(Random* random) {
  return random->OneIn(5) ? std::string(1 + random->Below(3), random->OneIn(3) ? '\n' : ' ') : " ";
}
std::string MaybeSpace(Random* random) { return random->OneIn(2) ? Space(random) : ""; }

std::string MaybeQuoted(const std::string& text, Random* random) {
  if (random->OneIn(4) || text.ends_with('=')) return "\"" + text + "\"";
  if (random->OneIn(8)) return "'" + text + "'";
  return text;
}

bool Compares(const NaiveValue& a, const std::string& op, const NaiveValue& b) {
  if (op == "ip_in") {
    const bool same_family = (a.bits.size() == 128) == (b.number == 6);
    return same_family && a.bits.starts_with(b.bits);
  }
  if (op == "=" && b.mask != 0) return (a.number & b.mask) == b.number;
  if (op == "=" || op == ":") return a.number == b.number && a.bits == b.bits;
  if (op == "<") return a.number < b.number;
  if (op == "<=") return a.number <= b.number;
  if (op == ">") return a.number > b.number;
  return a.number >= b.number;
}

}  // namespace

const std::vector<std::string>& NaiveFieldNames() {
  static const std::vector<std::string> names = {"zone",
                                                 "id",
                                                 "slot",
                                                 "protocol",
                                                 "family",
                                                 "state",
                                                 "seen_reply",
                                                 "assured",
                                                 "mark",
                                                 "status",
                                                 "labels",
                                                 "sensor",
                                                 "original.source",
                                                 "original.destination",
                                                 "reply.source",
                                                 "reply.destination",
                                                 "address",
                                                 "original.source_port",
                                                 "original.destination_port",
                                                 "reply.source_port",
                                                 "reply.destination_port",
                                                 "port",
                                                 "icmp.type",
                                                 "icmp.code",
                                                 "icmp.id",
                                                 "gre.source_key",
                                                 "gre.destination_key",
                                                 "sctp.original_verification_tag",
                                                 "sctp.reply_verification_tag",
                                                 "community_id",
                                                 "packets",
                                                 "bytes",
                                                 "original.packets",
                                                 "original.bytes",
                                                 "reply.packets",
                                                 "reply.bytes",
                                                 "age",
                                                 "idle",
                                                 "expires"};
  return names;
}

std::vector<NaiveValue> NaiveValuesOf(const std::string& field, const ConnectionRef& connection,
                                      Time now, const NaiveContext& context) {
  const FieldReader reader{connection, now, context};
  if (IsAddress(field)) return reader.Addresses(field);
  if (field.ends_with("port")) return reader.Ports(field);
  if (field.starts_with("icmp.")) return reader.Icmp(field);
  if (field.starts_with("gre.")) return reader.Gre(field);
  if (field.starts_with("sctp.")) return reader.Sctp(field);
  if (IsCommunityId(field)) return reader.CommunityId();
  if (field.ends_with("packets") || field.ends_with("bytes")) return reader.Counters(field);
  return reader.Other(field);
}

bool NaiveFilter::Matches(const ConnectionRef& connection, Time now,
                          const NaiveContext& context) const {
  const auto child_matches = [&](const NaiveFilter& child) {
    return child.Matches(connection, now, context);
  };
  if (kind == Kind::kAll) return std::all_of(children.begin(), children.end(), child_matches);
  if (kind == Kind::kAny) return std::any_of(children.begin(), children.end(), child_matches);
  if (kind == Kind::kNot) return !child_matches(children[0]);
  const Values values = NaiveValuesOf(field, connection, now, context);
  if (values.empty()) return false;
  if (op == ":*") return true;
  const std::string positive = op == "!=" ? "=" : op;
  const bool any = std::any_of(values.begin(), values.end(), [&](const NaiveValue& found) {
    return Compares(found, positive, value);
  });
  return any != (op == "!=");
}

std::string NaiveFilter::PrintChild(const NaiveFilter& child, Random* random,
                                    const NaiveContext& context) const {
  // What binds looser than its parent needs parentheses; others may have them.
  const bool needed = kind == Kind::kAll   ? child.kind == Kind::kAll
                      : kind == Kind::kAny ? child.kind == Kind::kAll || child.kind == Kind::kAny
                                           : child.kind != Kind::kTest;
  const std::string text = child.Print(random, context);
  if (!needed && !random->OneIn(6)) return text;
  return "(" + MaybeSpace(random) + text + MaybeSpace(random) + ")";
}

std::string NaiveFilter::Print(Random* random, const NaiveContext& context) const {
  if (kind == Kind::kNot) {
    return (random->OneIn(2) ? "NOT" + Space(random) : "-") +
           PrintChild(children[0], random, context);
  }
  if (kind != Kind::kTest) {
    std::string text = PrintChild(children[0], random, context);
    for (size_t i = 1; i < children.size(); ++i) {
      const bool juxtaposed = kind == Kind::kAll && random->OneIn(3);
      text += Space(random);
      if (!juxtaposed) text += (kind == Kind::kAll ? "AND" : "OR") + Space(random);
      text += PrintChild(children[i], random, context);
    }
    return text;
  }
  if (op == ":*") return field + ":*";
  if (op == "ip_in") {
    const bool ipv6 = value.number == 6;
    return "ip_in(" + MaybeSpace(random) + field + MaybeSpace(random) + "," + MaybeSpace(random) +
           MaybeQuoted(AddressText(value.bits, ipv6) + "/" + std::to_string(value.bits.size()),
                       random) +
           MaybeSpace(random) + ")";
  }
  return field + MaybeSpace(random) + op + MaybeSpace(random) +
         MaybeQuoted(ValueText(field, value, false, context, random), random);
}

namespace {

NaiveValue RandomValue(const std::string& field, const ConnectionRef& connection, Time now,
                       const NaiveContext& context, Random* random) {
  const Values values = NaiveValuesOf(field, connection, now, context);
  if (IsAddress(field)) return random->Pick(values);
  if (IsCommunityId(field)) {
    if (random->OneIn(3)) return {0, std::string(20, static_cast<char>(random->Below(256)))};
    return values[0];
  }
  if (field == "sensor") {
    auto sensor = context.sensors.begin();
    std::advance(sensor, random->Below(context.sensors.size()));
    return Number(sensor->second);
  }
  if (field == "family") return Number(random->OneIn(2) ? 4 : 6);
  if (field == "seen_reply" || field == "assured") return Number(random->OneIn(2) ? 1 : 0);
  if (field == "status") {
    auto bit = kStatusNames.begin();
    std::advance(bit, random->Below(kStatusNames.size()));
    return Number(bit->first);
  }
  if (field == "state") return Number(1 + random->Below(kStateNames.size() - 1));
  if (field == "protocol" && random->OneIn(2)) {
    return Number(kProtocolNumbers.at(random->Pick(kProtocolNames)));
  }
  const WideNumber max = field == "protocol" ? 255 : MaxOf(field, context);
  if (random->OneIn(12)) return Number(random->OneIn(2) ? 0 : max);
  WideNumber number =
      values.empty() ? WideNumber{random->Below(70'000)} : random->Pick(values).number;
  if (random->OneIn(3)) number += static_cast<int>(random->Below(5)) - 2;
  return Number(std::clamp<WideNumber>(number, 0, max));
}

NaiveFilter RandomTest(const ConnectionRef& connection, Time now, const NaiveContext& context,
                       Random* random) {
  static const std::vector<std::string> kUnordered = {"=", "!="};
  static const std::vector<std::string> kOrdered = {"=", "!=", "<", "<=", ">", ">="};
  NaiveFilter test;
  test.field = random->Pick(NaiveFieldNames());
  test.value = RandomValue(test.field, connection, now, context, random);
  test.op = random->Pick(HasOrder(test.field) ? kOrdered : kUnordered);
  if (HoldsSeveral(test.field)) test.op = ":";
  if (test.field == "mark" && random->OneIn(2)) {
    test.op = random->Pick(kUnordered);
    test.value.mask = 1 + random->Below(255);
    test.value.number &= test.value.mask;
  }
  if (MayBeAbsent(test.field) && random->OneIn(6)) test.op = ":*";
  if (IsAddress(test.field) && random->OneIn(2)) {
    test.op = "ip_in";
    std::string& bits = test.value.bits;
    test.value.number = bits.size() == 128 ? 6 : 4;
    bits.resize(random->Below(bits.size() + 1));
    if (!bits.empty() && random->OneIn(3)) bits.back() = bits.back() == '0' ? '1' : '0';
  }
  return test;
}

}  // namespace

NaiveFilter RandomFilter(size_t tests_max, const ConnectionRef& connection, Time now,
                         const NaiveContext& context, Random* random) {
  if (random->OneIn(6)) {
    NaiveFilter negation;
    negation.kind = NaiveFilter::Kind::kNot;
    negation.children.push_back(RandomFilter(tests_max, connection, now, context, random));
    return negation;
  }
  if (tests_max < 2 || random->OneIn(4)) return RandomTest(connection, now, context, random);
  NaiveFilter join;
  join.kind = random->OneIn(2) ? NaiveFilter::Kind::kAll : NaiveFilter::Kind::kAny;
  const size_t children = 2 + random->Below(3);
  for (size_t i = 0; i < children; ++i) {
    join.children.push_back(RandomFilter(tests_max / children, connection, now, context, random));
  }
  return join;
}

StoredConnection RandomConnection(Time now, Random* random) {
  static const std::vector<uint8_t> kProtocols = {6,   6,   6,   17, 17, 1,  58,
                                                  132, 132, 136, 47, 0,  255};
  static const std::vector<uint16_t> kPorts = {0, 1, 22, 53, 80, 443, 1024, 40'000, 65'535};
  const auto address = [&](bool ipv6) {
    const uint64_t low = random->OneIn(8) ? random->Next() : 0x0A00'0000 + random->Below(600);
    if (!ipv6) return Ipv4Address(static_cast<uint32_t>(low));
    return Address{random->OneIn(8) ? random->Next() : 0x2001'0DB8'0000'0000, low};
  };
  StoredConnection stored = {};
  Record& record = stored.record;
  record.in_use = 1;
  record.ipv6 = random->OneIn(3) ? 1 : 0;
  record.protocol = random->Pick(kProtocols);
  record.original_from_first = random->OneIn(2) ? 1 : 0;
  stored.addresses = {address(true), address(true)};
  if (!record.ipv6) {
    record.address = {static_cast<uint32_t>(address(false).low),
                      static_cast<uint32_t>(address(false).low)};
  }
  record.ports = PortsWord(random->Pick(kPorts), random->Pick(kPorts));
  if (record.protocol == (record.ipv6 ? kProtocolIcmpv6 : kProtocolIcmp)) {
    record.original_from_first = 1;
    record.ports = IcmpWord(record.ipv6 ? 128 : 8, 0, random->Pick(kPorts));
  }
  if (record.protocol == kProtocolTcp) {
    record.tcp.state = static_cast<TcpState>(1 + random->Below(9));
  }
  if (record.protocol == kProtocolSctp) {
    record.sctp = SctpConnection{};
    record.sctp.state = static_cast<SctpState>(1 + random->Below(8));
    for (uint32_t& tag : record.sctp.tag)
      tag = static_cast<uint32_t>(random->OneIn(2) ? random->Next() : random->Below(3));
  }
  record.status = static_cast<uint16_t>(
      random->Next() & (status_bit::kSeenReply | status_bit::kAssured | status_bit::kConfirmed));
  record.sensor = static_cast<uint16_t>(random->Below(3));
  record.timeout_ms = static_cast<uint32_t>(1 + random->Below(120'000));
  record.deadline = now + Duration(random->Below(100'000'000'000)) - std::chrono::seconds(10);
  for (Counters& counters : record.counters) {
    counters = {random->Below(8), random->OneIn(9) ? random->Next() >> 1 : random->Below(5'000)};
  }
  stored.extra.id = 1 + (random->OneIn(2) ? random->Next() : random->Below(300));
  stored.extra.created = now - Duration(random->Below(200'000'000'000));
  stored.extra.mark = static_cast<uint32_t>(random->OneIn(4) ? random->Next() : random->Below(3));
  stored.extra.zone_id = static_cast<uint32_t>(random->Below(4));
  for (uint64_t left = random->OneIn(2) ? random->Below(4) : 0; left > 0; --left) {
    stored.labels.Set(static_cast<uint32_t>(random->Below(kLabelCount)));
  }
  return stored;
}

}  // namespace conntrack::testing
