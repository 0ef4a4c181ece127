// SCTP associations: the handshake, its collisions and restarts, heartbeats of
// other paths, the ways to end; and at each step what does not belong there:
// other chunks, tags of the other direction, old or none, chunks that may not
// stand together.
#include <array>
#include <utility>

#include "tests/differential/conversation.h"

namespace conntrack {
namespace {

using namespace sctp_chunk;

constexpr uint8_t kSack = 3;
constexpr uint8_t kTagReflected = 1;

class SctpConversation {
 public:
  SctpConversation(Family family, Random* random) : family_(family), random_(*random) {
    for (uint32_t& tag : tag_) tag = NewTag();
  }

  std::vector<PacketSpec> Make() {
    const size_t length = 2 + random_.Below(22);
    // Some associations go by the book, others by chance.
    const uint32_t plausible = random_.Pick<uint32_t>({30, 60, 90, 97});
    if (random_.Percent(80)) Visit();
    if (packets_.empty() && random_.Percent(20)) Collide();
    while (packets_.size() < length) {
      if (random_.Percent(4)) {
        packets_.push_back(MakeIcmpError(family_, kProtocolSctp, &random_));
      } else if (!packets_.empty() && random_.Percent(5)) {
        packets_.push_back(packets_[random_.Below(static_cast<uint32_t>(packets_.size()))]);
      } else if (random_.Percent(plausible)) {
        Plausible();
      } else {
        AtRandom();
      }
    }
    return std::move(packets_);
  }

 private:
  // Both sides' own tags are few, so that old ones come again.
  uint32_t NewTag() { return 1000 + random_.Below(4); }

  // A packet of `side` (0: the client) with the tag of its receiver.
  PacketSpec& Add(size_t side, std::initializer_list<uint8_t> types) {
    PacketSpec spec;
    spec.protocol = kProtocolSctp;
    if (side == 1) std::swap(spec.source, spec.destination);
    spec.sequence = tag_[1 - side];
    spec.acknowledgment = 0;
    for (const uint8_t type : types) spec.chunks.push_back({type, 0, std::nullopt});
    if (random_.Percent(3)) spec.connection = 1;
    packets_.push_back(std::move(spec));
    return packets_.back();
  }

  PacketSpec& AddInit(size_t side) {
    if (random_.Percent(30)) tag_[side] = NewTag();
    PacketSpec& init = Add(side, {kInit});
    init.sequence = 0;
    init.acknowledgment = tag_[side];
    return init;
  }

  PacketSpec& AddInitAck(size_t side) {
    if (random_.Percent(15)) tag_[side] = NewTag();
    PacketSpec& answer = Add(side, {kInitAck});
    answer.acknowledgment = tag_[side];
    return answer;
  }

  // Leads an association to one of its states, in the book's order, and sends
  // chunks of any kind there, so that each state meets each of them.
  void Visit() {
    const uint32_t stage = random_.Below(10) % 8;
    if (random_.Percent(10)) {
      Add(0, {}).chunks.push_back({AnyType(), 0, std::nullopt});
    } else if (stage == 0) {
      if (random_.Percent(70)) {
        Add(0, {kHeartbeat});
      } else {
        Add(0, {kCookieEcho, kHeartbeat});
      }
    } else {
      AddInit(0);
      if (random_.Percent(8)) {
        packets_.back().acknowledgment = 0;
        if (random_.Percent(60)) AddInitAck(0);
      }
    }
    if (stage > 1) AddInitAck(1);
    if (stage > 2) Add(0, {kCookieEcho});
    if (stage > 3) Add(1, {kCookieAck});
    if (stage > 4) {
      closer_ = stage % 2;
      Add(closer_, {kShutdown});
    }
    if (stage > 6) Add(1 - closer_, {kShutdownAck});
    opener_ = 0;
    step_ = stage < 6 ? stage : stage - 1;
    if (random_.Percent(25)) return CrossHeartbeats();
    const uint32_t count = 1 + random_.Below(stage == 0 ? 7 : 6);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t side = random_.Percent(stage == 0 ? 75 : 50) ? 1 : 0;
      PacketSpec& spec = Add(side, {});
      spec.chunks.push_back({AnyType(), 0, std::nullopt});
      // After a heartbeat alone no tag of the other direction is known.
      if (stage == 0 && side == 1 && random_.Percent(60)) spec.sequence = 0;
      if (spec.chunks[0].type == kInit) spec.sequence = 0;
      spec.acknowledgment = random_.Percent(70) ? tag_[side] : NewTag();
    }
  }

  // One of the types that a tracker has rules for.
  uint8_t AnyType() {
    return random_.Pick<uint8_t>({kInit, kInitAck, kAbort, kShutdown, kShutdownAck, kError,
                                  kCookieEcho, kCookieAck, kShutdownComplete, kHeartbeat,
                                  kHeartbeatAck});
  }

  // INITs of both sides, with new tags, and answers that may be late.
  void Collide() {
    const uint32_t count = 3 + random_.Below(5);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t side = i == 0 ? 0 : random_.Below(2);
      const bool init = i < 2 || random_.Percent(50);
      PacketSpec& spec = Add(side, {init ? kInit : kInitAck});
      spec.acknowledgment = NewTag();
      if (!init) continue;
      spec.sequence = 0;
      tag_[side] = spec.acknowledgment;
    }
  }

  // Heartbeats and their answers from both sides, with right and wrong tags.
  void CrossHeartbeats() {
    const uint32_t count = 3 + random_.Below(5);
    for (uint32_t i = 0; i < count; ++i) {
      PacketSpec& spec = Add(random_.Below(2), {});
      spec.chunks.push_back({random_.Percent(60) ? kHeartbeat : kHeartbeatAck, 0, std::nullopt});
      if (random_.Percent(30)) {
        spec.chunks.push_back({random_.Pick<uint8_t>({kHeartbeat, kData}), 0, std::nullopt});
      }
      if (random_.Percent(60)) spec.sequence = NewTag();
    }
  }

  // What may well come next, in the order of an association's life.
  void Plausible() {
    const size_t side = random_.Below(2);
    switch (step_) {
      case 0:
        opener_ = random_.Percent(85) ? 0 : 1;
        if (random_.Percent(12)) {
          Add(opener_, {kHeartbeat});
          if (random_.Percent(70)) Add(1 - opener_, {kHeartbeatAck});
          step_ = random_.Pick<uint32_t>({0, 4});
          return;
        }
        AddInit(opener_);
        if (random_.Percent(15)) AddInit(1 - opener_);
        step_ = 1;
        return;
      case 1:
        AddInitAck(1 - opener_);
        if (random_.Percent(10)) AddInitAck(opener_);
        step_ = 2;
        return;
      case 2:
        if (random_.Percent(50)) {
          Add(opener_, {kCookieEcho});
        } else {
          Add(opener_, {kCookieEcho, kData});
        }
        step_ = 3;
        return;
      case 3:
        Add(1 - opener_, {kCookieAck});
        step_ = 4;
        return;
      case 4:
        Established(side);
        return;
      case 5:
        Add(1 - closer_, {kShutdownAck});
        step_ = 6;
        return;
      default:
        Add(closer_, {kShutdownComplete});
        step_ = 0;
        return;
    }
  }

  void Established(size_t side) {
    switch (random_.Below(10)) {
      case 0:
        Add(side, {kHeartbeat});
        if (random_.Percent(60)) packets_.back().sequence = NewTag();
        return;
      case 1:
        Add(side, {kHeartbeatAck});
        if (random_.Percent(50)) packets_.back().sequence = NewTag();
        return;
      case 2: {
        PacketSpec& abort = Add(side, {kAbort});
        if (random_.Percent(50)) {
          abort.chunks[0].flags = kTagReflected;
          abort.sequence = tag_[side];
        }
        step_ = 0;
        return;
      }
      case 3:
      case 4:
        closer_ = side;
        Add(side, {kShutdown});
        step_ = 5;
        return;
      case 5:
        // A restart.
        step_ = 0;
        return;
      default:
        Add(side, {random_.Percent(60) ? kData : kSack});
        return;
    }
  }

  ChunkSpec AnyChunk() {
    ChunkSpec chunk;
    chunk.type = random_.Pick<uint8_t>({kInit, kInitAck, kAbort, kShutdown, kShutdownAck, kError,
                                        kCookieEcho, kCookieAck, kShutdownComplete, kHeartbeat,
                                        kHeartbeatAck, kData, kSack, 12, 13, 15, 64, 128, 192});
    if (random_.Percent(25)) chunk.flags = random_.Pick<uint8_t>({1, 2, 3, 255});
    if (random_.Percent(3)) chunk.length = random_.Pick<uint16_t>({0, 1, 3, 4, 5, 200, 65'535});
    return chunk;
  }

  void AtRandom() {
    const size_t side = random_.Below(2);
    PacketSpec& spec = Add(side, {});
    const size_t count = random_.Pick<size_t>({1, 1, 1, 1, 1, 1, 2, 2, 3, 0});
    while (spec.chunks.size() < count) spec.chunks.push_back(AnyChunk());
    spec.acknowledgment = random_.Percent(50) ? tag_[side] : NewTag();
    if (random_.Percent(3)) spec.acknowledgment = 0;
    if (count > 0 && spec.chunks[0].type == kInit && random_.Percent(80)) spec.sequence = 0;
    if (random_.Percent(40)) spec.sequence = random_.Pick({tag_[0], tag_[1], NewTag(), 0u});
    if (random_.Percent(3)) spec.bad_checksum = true;
    if (random_.Percent(3)) spec.transport_bytes = static_cast<uint16_t>(random_.Below(40));
    if (random_.Percent(3)) spec.extension_units = static_cast<uint8_t>(1 + random_.Below(3));
  }

  const Family family_;
  Random& random_;
  std::vector<PacketSpec> packets_;
  // The tag each side chose for itself: the other one sends it.
  std::array<uint32_t, 2> tag_ = {};
  uint32_t step_ = 0;
  size_t opener_ = 0;
  size_t closer_ = 0;
};

}  // namespace

std::vector<PacketSpec> MakeSctpPackets(Family family, Random* random) {
  return SctpConversation(family, random).Make();
}

}  // namespace conntrack
