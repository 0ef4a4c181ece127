// TCP: two ends that talk plausibly, and a hand that now and then repeats,
// forges, resets, reopens or distorts. Sequence numbers cluster at the edges of
// windows, where the tracker's comparisons lie.
#include <algorithm>
#include <array>

#include "tests/differential/conversation.h"
#include "tests/differential/tcp_corners.h"
#include "tests/differential/tcp_fields.h"

namespace conntrack {
namespace {

using namespace tcp_flag;

struct End {
  uint32_t next = 0;      // The next sequence number it would send.
  uint32_t previous = 0;  // Where its last packet began.
  uint8_t scale = 0;
  bool opened = false;
  bool finished = false;
};

class TcpScript {
 public:
  TcpScript(Family family, Random* random) : family_(family), random_(*random) {}

  std::vector<PacketSpec> Make() {
    Restart();
    static constexpr std::array<uint32_t, 4> kLengths = {4, 10, 25, 60};
    const size_t length = 1 + random_.Below(kLengths[random_.Below(4)]);
    Begin();
    while (packets_.size() < length) Step();
    return std::move(packets_);
  }

 private:
  static size_t Other(size_t end) { return 1 - end; }

  void Restart() {
    for (End& end : ends_) {
      end = End{};
      // Near the wrap as often as not.
      end.next = random_.Percent(40)
                     ? static_cast<uint32_t>(-static_cast<int32_t>(random_.Below(3000)))
                     : random_.Next();
      if (random_.Percent(5)) end.next = random_.Pick<uint32_t>({0, 1, UINT32_MAX});
      end.previous = end.next;
    }
    // Alike, so that a packet and its answer can have the same numbers.
    if (random_.Percent(4)) ends_[1].next = ends_[1].previous = ends_[0].next;
  }

  PacketSpec Blank(size_t from) {
    PacketSpec spec;
    spec.source = from == 0 ? Role::kClient : Role::kServer;
    spec.destination = from == 0 ? Role::kServer : Role::kClient;
    spec.window = TcpWindow(&random_);
    return spec;
  }

  void AddSynOptions(size_t from, PacketSpec* spec) {
    if (random_.Percent(25)) return;
    if (random_.Percent(60)) {
      ends_[from].scale = random_.Pick<uint8_t>({0, 2, 7, 14, 15, 255});
      AppendWindowScale(ends_[from].scale, &spec->tcp_options);
    }
    if (random_.Percent(50)) AppendSackPermitted(&spec->tcp_options);
    if (random_.Percent(20)) AppendTimestamps(random_.Next(), &spec->tcp_options);
    if (random_.Percent(6)) DistortOptions(spec, &random_);
  }

  void AddSegmentOptions(size_t from, PacketSpec* spec) {
    if (random_.Percent(10)) AppendTimestamps(random_.Next(), &spec->tcp_options);
    if (random_.Percent(12)) {
      const uint32_t base = random_.Percent(70) ? ends_[Other(from)].next : spec->acknowledgment;
      std::vector<SackBlock> blocks;
      const uint32_t count = 1 + random_.Below(3);
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t right = base + TcpOffset(&random_);
        blocks.push_back({right - random_.Pick<uint32_t>({1, 100, 1000}), right});
      }
      const size_t room = 40 - spec->tcp_options.size();
      blocks.resize(std::min(blocks.size(), (room - 2) / 8));
      AppendSack(blocks, &spec->tcp_options);
    }
    if (random_.Percent(2)) DistortOptions(spec, &random_);
  }

  void Push(size_t from, const PacketSpec& spec) {
    End& end = ends_[from];
    end.previous = spec.sequence;
    const uint32_t after = spec.sequence + spec.payload_length +
                           ((spec.tcp_flags & kSyn) != 0 ? 1 : 0) +
                           ((spec.tcp_flags & kFin) != 0 ? 1 : 0);
    if (static_cast<int32_t>(after - end.next) > 0 &&
        static_cast<int32_t>(after - end.next) < 100'000) {
      end.next = after;
    }
    packets_.push_back(spec);
  }

  void SendSyn(size_t from, bool with_ack) {
    PacketSpec spec = Blank(from);
    spec.tcp_flags = with_ack ? kSyn | kAck : kSyn;
    spec.sequence = ends_[from].next;
    if (with_ack) spec.acknowledgment = ends_[Other(from)].next;
    if (random_.Percent(3)) spec.acknowledgment = random_.Next();
    if (random_.Percent(3)) spec.payload_length = 10;
    AddSynOptions(from, &spec);
    ends_[from].opened = true;
    ends_[from].finished = false;
    Push(from, spec);
  }

  void SendSegment(size_t from, uint8_t flags) {
    PacketSpec spec = Blank(from);
    spec.tcp_flags = flags;
    spec.sequence = ends_[from].next;
    spec.acknowledgment = ends_[Other(from)].next;
    if (random_.Percent(40)) spec.payload_length = random_.Pick<uint16_t>({1, 100, 1000, 1300});
    if (random_.Percent(15)) {
      // Older acknowledgement: the other's data is still on its way.
      spec.acknowledgment = ends_[Other(from)].previous;
      if (random_.Percent(40)) {
        // It has the later part, not the one before.
        const uint32_t right = ends_[Other(from)].next;
        AppendSack(std::vector<SackBlock>{{right - 1, right}}, &spec.tcp_options);
      }
    }
    if (spec.tcp_options.empty()) AddSegmentOptions(from, &spec);
    if ((flags & kFin) != 0) ends_[from].finished = true;
    Push(from, spec);
  }

  void BeginInCorner() {
    for (const PacketSpec& spec : MakeTcpCorner(&random_)) {
      const size_t from = spec.source == Role::kClient ? 0 : 1;
      if (!ends_[from].opened) ends_[from].next = spec.sequence;
      ends_[from].opened = true;
      Push(from, spec);
    }
  }

  void Begin() {
    if (random_.Percent(45)) return BeginInCorner();
    switch (random_.Below(11)) {
      case 10:
        SendAndClose();
        return;
      case 0:  // In the middle.
      case 1:
        SendSegment(random_.Percent(80) ? 0 : 1, random_.Percent(50) ? kAck : kAck | kPsh);
        for (End& end : ends_) end.opened = true;
        return;
      case 2:  // Both at once.
        SendSyn(0, false);
        SendSyn(1, false);
        if (random_.Percent(70)) {
          for (const size_t from : {size_t{0}, size_t{1}}) {
            if (random_.Percent(80)) --ends_[from].next, SendSyn(from, true);
          }
        } else {
          SendSegment(random_.Below(2), kAck);
        }
        return;
      case 3:  // Anything.
        SendWild();
        return;
      default:
        SendSyn(0, false);
        if (random_.Percent(85)) SendSyn(1, true);
        if (random_.Percent(85)) SendSegment(0, kAck);
        return;
    }
  }

  void SendPlausible() {
    if (random_.Percent(12)) return SendBulk();
    const size_t from = random_.Below(2);
    End& end = ends_[from];
    if (!end.opened) {
      SendSyn(from, ends_[Other(from)].opened);
    } else if (random_.Percent(end.finished ? 3 : 12)) {
      SendSegment(from, kFin | kAck);
    } else {
      SendSegment(from, random_.Percent(70) ? kAck : kAck | kPsh);
    }
  }

  // One end sends, the other acknowledges each segment with the same window:
  // what most connections do most of the time.
  void SendBulk() {
    const size_t from = random_.Below(2);
    const uint16_t window = TcpWindow(&random_);
    const uint32_t segments = 1 + random_.Below(5);
    for (uint32_t i = 0; i < segments; ++i) {
      SendSegment(from, kAck);
      PacketSpec answer = Blank(Other(from));
      answer.tcp_flags = kAck;
      answer.sequence = ends_[Other(from)].next;
      answer.acknowledgment = ends_[from].next;
      answer.window = window;
      Push(Other(from), answer);
    }
  }

  // A whole connection from SYN to TIME_WAIT or CLOSE, so that what comes after
  // is met often.
  void SendAndClose() {
    SendSyn(0, false);
    SendSyn(1, true);
    SendSegment(0, kAck);
    const size_t first = random_.Below(2);
    if (random_.Percent(20)) return SendReset();
    SendSegment(first, kFin | kAck);
    if (random_.Percent(50)) SendSegment(Other(first), kAck);
    SendSegment(Other(first), kFin | kAck);
    if (random_.Percent(50)) {
      // A SYN in LAST_ACK, and the ACKs that challenge it.
      ends_[0].next += random_.Next();
      SendSyn(0, false);
      SendSegment(1, kAck);
      if (random_.Percent(50)) SendSegment(1, kAck);
    } else {
      SendSegment(first, kAck);
    }
  }

  // One of the last packets again and again, every other time with one field
  // that differs.
  void RepeatAlmost() {
    const uint32_t back =
        1 + random_.Below(std::min<uint32_t>(static_cast<uint32_t>(packets_.size()), 4));
    const PacketSpec spec = packets_[packets_.size() - back];
    PacketSpec other = spec;
    switch (random_.Below(5)) {
      case 0:  // The same end.
        ++other.sequence;
        if (other.payload_length > 0) --other.payload_length;
        break;
      case 1:  // The same beginning.
      case 2:
        other.payload_length = static_cast<uint16_t>(other.payload_length ^ 1);
        break;
      case 3:
        --other.acknowledgment;
        break;
      default:
        other.window = static_cast<uint16_t>(other.window ^ 1);
        break;
    }
    const uint32_t times = 1 + random_.Below(6);
    for (uint32_t i = 0; i < times; ++i) packets_.push_back(i % 2 == 0 ? other : spec);
  }

  void Repeat() {
    if (random_.Percent(30)) return RepeatAlmost();
    const size_t back =
        1 + random_.Below(std::min<uint32_t>(static_cast<uint32_t>(packets_.size()), 4));
    const PacketSpec spec = packets_[packets_.size() - back];
    const uint32_t times = 1 + random_.Below(4);
    for (uint32_t i = 0; i < times; ++i) packets_.push_back(spec);
  }

  void Reopen() {
    const size_t from = random_.Percent(70) ? 0 : 1;
    ends_[from].next += random_.Percent(50) ? random_.Next() : TcpOffset(&random_);
    SendSyn(from, false);
    if (random_.Percent(50)) {
      ends_[Other(from)].next += random_.Percent(50) ? random_.Next() : 0;
      SendSyn(Other(from), true);
    } else if (random_.Percent(40)) {
      // A challenge: an ACK of where it thinks it is.
      SendSegment(Other(from), kAck);
    }
  }

  void SendReset() {
    const size_t from = random_.Below(2);
    PacketSpec spec = Blank(from);
    spec.tcp_flags = random_.Percent(50) ? kRst : kRst | kAck;
    const End& end = ends_[from];
    spec.sequence = random_.Pick({end.next, end.previous, uint32_t{0},
                                  end.next + TcpOffset(&random_), end.next - 1, end.next + 1});
    // Where the other side last acknowledged: the exact place.
    if (random_.Percent(40)) {
      for (auto packet = packets_.rbegin(); packet != packets_.rend(); ++packet) {
        const bool other = (packet->source == Role::kClient) != (from == 0);
        if (!other || (packet->tcp_flags & kAck) == 0) continue;
        spec.sequence = packet->acknowledgment + random_.Pick<uint32_t>({0, 0, 0, 1});
        break;
      }
    }
    const End& peer = ends_[Other(from)];
    spec.acknowledgment = random_.Pick(
        {peer.next, peer.previous, uint32_t{0}, peer.next + TcpOffset(&random_), peer.next + 1});
    if (random_.Percent(30)) spec.window = 0;
    packets_.push_back(spec);
    if (random_.Percent(50)) Reopen();
  }

  void SendWild() {
    const size_t from = random_.Below(2);
    PacketSpec spec = Blank(from);
    spec.tcp_flags =
        random_.Percent(25)
            ? static_cast<uint8_t>(random_.Below(256))
            : random_.Pick<uint8_t>({kSyn, kSyn | kAck, kAck, kAck, kAck | kPsh, kFin | kAck, kRst,
                                     kRst | kAck, kSyn | kUrg, kAck | kUrg, kFin | kAck | kUrg,
                                     kFin, 0, kSyn | kEce | kCwr});
    const End& end = ends_[from];
    spec.sequence = (random_.Percent(70) ? end.next : end.previous) + TcpOffset(&random_);
    spec.acknowledgment = ends_[Other(from)].next + TcpOffset(&random_);
    spec.payload_length = random_.Pick<uint16_t>({0, 0, 0, 1, 100, 1000});
    if ((spec.tcp_flags & kSyn) != 0) AddSynOptions(from, &spec);
    AddSegmentOptions(from, &spec);
    if (random_.Percent(3)) Damage(&spec);
    if (random_.Percent(50)) {
      Push(from, spec);
    } else {
      packets_.push_back(spec);
    }
  }

  void Damage(PacketSpec* spec) {
    switch (random_.Below(4)) {
      case 0:
        spec->bad_checksum = true;
        break;
      case 1:
        spec->data_offset = static_cast<uint8_t>(random_.Below(16));
        break;
      case 2:
        spec->transport_bytes = static_cast<uint16_t>(random_.Below(20));
        spec->tcp_options.clear();
        spec->payload_length = 0;
        break;
      default:
        spec->data_offset = static_cast<uint8_t>(random_.Below(5));
        break;
    }
  }

  void Step() {
    const uint32_t dice = random_.Below(100);
    const bool extension = random_.Percent(4);
    const size_t before = packets_.size();
    if (random_.Percent(2)) {
      packets_.push_back(MakeIcmpError(family_, kProtocolTcp, &random_));
    } else if (dice < 50) {
      SendPlausible();
    } else if (dice < 60) {
      Repeat();
    } else if (dice < 68) {
      Reopen();
    } else if (dice < 75) {
      SendReset();
    } else {
      SendWild();
    }
    if (extension) packets_[before].extension_units = static_cast<uint8_t>(1 + random_.Below(3));
  }

  const Family family_;
  Random& random_;
  std::array<End, 2> ends_;
  std::vector<PacketSpec> packets_;
};

}  // namespace

std::vector<PacketSpec> MakeTcpPackets(Family family, Random* random) {
  return TcpScript(family, random).Make();
}

}  // namespace conntrack
