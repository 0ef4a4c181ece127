#include "tests/differential/capture_comparison.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/sensor/capture.h"
#include "server/convert.h"
#include "tests/differential/capture_writer.h"
#include "tests/differential/connection_lists.h"
#include "tests/differential/decoded_packet.h"
#include "tests/differential/kernel_copy.h"
#include "tests/differential/scratch_directory.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {
namespace {

using sensor::Decoded;
using sensor::Discard;
using sensor::Frame;

constexpr int64_t kToleranceSeconds = 1;
// For what is expected not to come out. A veth delivers within the call.
constexpr std::chrono::milliseconds kSilence{2};
// The next packet waits instead of being this near to UDP's 2 s.
constexpr Duration kUdpRule = std::chrono::seconds(2);
constexpr Duration kUdpNear = std::chrono::milliseconds(200);
constexpr uint64_t kProgressFrames = 1'000;

Time Now() {
  return TimeFromUnixNanos(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

// What the kernel's network layer is said to refuse, and can be given.
bool IsRefusedByNetworkLayer(Discard reason) {
  return reason >= Discard::kIpHeader && reason <= Discard::kIpv6PayloadLength;
}

class Replay {
 public:
  Replay(const ZoneSettings& settings, KernelSubject* kernel, CaptureReport* report)
      : settings_(settings), kernel_(*kernel), report_(*report), ours_(settings) {}

  absl::Status Run(sensor::Capture* capture, const CaptureProgress& progress) {
    if (absl::Status status = kernel_.Reset(settings_); !status.ok()) return status;
    const absl::Status read = capture->Run(
        [&](const Frame& frame) {
          if (++report_.counts.frames % kProgressFrames == 0) progress(report_.counts.frames);
          failure_ = Take(frame);
          return failure_.ok();
        },
        nullptr);
    if (!failure_.ok()) return failure_;
    if (!read.ok()) report_.damage = std::string(read.message());
    CountFragments();
    absl::StatusOr<std::vector<SeenConnection>> listed = kernel_.List();
    if (!listed.ok()) return listed.status();
    report_.counts.connections = listed->size();
    if (absl::Status status = CompareChain(*listed); !status.ok()) return status;
    return CheckLeftOut();
  }

 private:
  absl::Status Take(Frame frame) {
    frame.time_unix_ns = static_cast<uint64_t>(UnixNanos(NextTime()));
    const sensor::LinkPayload link =
        sensor::ParseLinkLayer(frame.link_type, frame.captured, frame.original_length);
    Decoded decoded;
    sensor::Decode(frame, sensor::Checksums::kVerify, decoded);
    if (decoded.kind == Decoded::Kind::kDiscarded) return TakeRefused(frame, link, decoded.discard);
    if (const auto reason = WhyLeftOut(decoded, link.captured, settings_.checksum)) {
      LeaveOut(decoded, link.captured, *reason);
      return absl::OkStatus();
    }
    const KernelCopy copy = CopyForKernel(decoded, link.captured, ++tag_);
    for (size_t i = 0; i < kCompletions; ++i) {
      report_.counts.completed[i] += copy.completed.test(i) ? 1 : 0;
    }
    const Packet* packet = packets_.Take(frame);
    return Compare(frame, copy.packet, packet);
  }

  // The sensor has no packet of it, and so must the kernel not have one.
  absl::Status TakeRefused(const Frame& frame, const sensor::LinkPayload& link, Discard reason) {
    ++report_.counts.refused[static_cast<size_t>(reason)];
    const bool whole = link.captured.size() == link.original_length;
    if (!IsRefusedByNetworkLayer(reason) || !whole) return Record(frame);
    const bool ipv6 = link.family == sensor::IpFamily::kIpv6 ||
                      (link.family == sensor::IpFamily::kByVersion && !link.captured.empty() &&
                       link.captured[0] >> 4 == 6);
    WirePacket packet{{link.captured.begin(), link.captured.end()},
                      ipv6 ? Family::kIpv6 : Family::kIpv4,
                      TagIn(link.captured, ipv6)};
    return Compare(frame, packet, nullptr);
  }

  static uint16_t TagIn(sensor::Bytes bytes, bool ipv6) {
    return bytes.size() < 6 ? uint16_t{0} : sensor::Load16(bytes, ipv6 ? 2 : 4);
  }

  void LeaveOut(const Decoded& decoded, sensor::Bytes bytes, LeftOut reason) {
    ++report_.counts.left_out[static_cast<size_t>(reason)];
    const bool whole = bytes.size() >= decoded.packet.total_length;
    if (!IsDropped(reason) || reason == LeftOut::kIpHeader || !whole) return;
    left_out_.push_back(
        {report_.counts.frames, reason, CopyForKernel(decoded, bytes, ++tag_).packet});
  }

  // Our clock never stands still.
  Time NextTime() {
    now_ = std::max(Now(), now_ + Duration(1));
    return now_;
  }

  void WaitForUdpRule(const std::optional<SeenTuple>& tuple) {
    if (!tuple.has_value() || tuple->protocol != kProtocolUdp) return;
    const std::optional<Time> created = ours_.CreatedAt(*tuple, now_);
    if (!created.has_value()) return;
    const Duration age = Now() - *created;
    if (age > kUdpRule - kUdpNear && age < kUdpRule + kUdpNear) {
      KernelSubject::Wait(kUdpRule + kUdpNear - age);
    }
  }

  absl::Status Record(const Frame& frame) {
    if (writer_ == nullptr) {
      auto made = CaptureWriter::Create(recording(), frame.link_type);
      if (!made.ok()) return made.status();
      writer_ = *std::move(made);
    }
    writer_->Write(frame);
    return absl::OkStatus();
  }

  absl::Status Compare(Frame frame, const WirePacket& wire, const Packet* packet) {
    const std::optional<SeenTuple> tuple = packet == nullptr ? std::nullopt : TupleOf(*packet);
    WaitForUdpRule(tuple);
    const Time now = NextTime();
    frame.time_unix_ns = static_cast<uint64_t>(UnixNanos(now));
    if (absl::Status status = Record(frame); !status.ok()) return status;
    const auto kernel =
        kernel_.SendBytes(wire, tuple, packet == nullptr ? kSilence : KernelNetwork::kPatience);
    if (!kernel.ok()) return kernel.status();
    Count(*kernel);
    Observation ours = ours_.Track(packet, tuple, now);
    std::string reason;
    if (ours.verdict.has_value() && ours.verdict->reason != InvalidReason::kNone) {
      reason = absl::StrCat(" (", NameOf(ours.verdict->reason), ")");
      ours.verdict->reason = InvalidReason::kNone;
    }
    const std::string difference = DifferenceOf(*kernel, ours, kToleranceSeconds);
    if (tuple.has_value() && differing_.contains(NameOfConnection(*tuple))) {
      ++report_.counts.after_difference;
    } else if (difference.empty()) {
      report_.counts.compared += packet == nullptr ? 0 : 1;
    } else {
      if (tuple.has_value()) differing_.insert(NameOfConnection(*tuple));
      Differ(absl::StrCat("packet ", report_.counts.frames, " ",
                          packet == nullptr ? "of which the sensor makes none" : TextOf(*packet),
                          reason, ": ", difference));
    }
    return absl::OkStatus();
  }

  void Count(const Observation& kernel) {
    if (kernel.verdict.has_value()) ++totals_.verdicts[static_cast<size_t>(kernel.verdict->kind)];
    for (const SeenEvent& event : kernel.events) ++totals_.events[static_cast<size_t>(event.type)];
  }

  void CountFragments() {
    uint64_t dropped = 0;
    for (size_t i = 0; i < sensor::kDiscardReasons; ++i) {
      report_.counts.refused[i] += packets_.dropped_fragments()[i];
      dropped += packets_.dropped_fragments()[i];
    }
    const CaptureCounts& counts = report_.counts;
    uint64_t others = counts.compared + counts.after_difference + report_.differences.size();
    for (const uint64_t count : counts.left_out) others += count;
    for (const uint64_t count : counts.refused) others += count;
    report_.counts.fragments = counts.frames - std::min(counts.frames, others);
  }

  absl::Status CompareChain(const std::vector<SeenConnection>& listed) {
    if (writer_ == nullptr) return absl::OkStatus();
    if (absl::Status status = writer_->Flush(); !status.ok()) return status;
    const auto answer = AskRealChain(recording(), directory_.path(), settings_);
    if (!answer.ok()) return answer.status();
    for (std::string& difference :
         CompareLists(listed, answer->connections, differing_, kToleranceSeconds)) {
      Differ(std::move(difference));
    }
    // Where something differed before, sums tell nothing new.
    if (report_.differences.empty() && answer->totals != totals_) {
      Differ(absl::StrCat("the kernel counts ", TextOf(totals_), "; the server ",
                          TextOf(answer->totals)));
    }
    return absl::OkStatus();
  }

  // Packets that were left out because Linux drops them are dropped.
  absl::Status CheckLeftOut() {
    if (left_out_.empty()) return absl::OkStatus();
    if (absl::Status status = kernel_.Reset(settings_); !status.ok()) return status;
    for (const LeftOutPacket& packet : left_out_) {
      const auto seen = kernel_.SendBytes(packet.wire, std::nullopt, kSilence);
      if (!seen.ok()) return seen.status();
      if (!seen->verdict.has_value()) continue;
      Differ(absl::StrCat("packet ", packet.frame, " was left out (", NameOf(packet.reason),
                          "), and the kernel forwards it"));
    }
    return absl::OkStatus();
  }

  void Differ(std::string sentence) { report_.differences.push_back(std::move(sentence)); }

  std::string recording() const { return absl::StrCat(directory_.path(), "/recording.pcap"); }

  struct LeftOutPacket {
    uint64_t frame;
    LeftOut reason;
    WirePacket wire;
  };

  const ZoneSettings settings_;
  KernelSubject& kernel_;
  CaptureReport& report_;
  ScratchDirectory directory_;
  TrackerSubject ours_;
  DecodedPackets packets_;
  std::unique_ptr<CaptureWriter> writer_;
  absl::Status failure_;
  Time now_;
  uint16_t tag_ = 0;
  Totals totals_;
  // Connections that are not compared any more.
  std::set<std::string> differing_;
  std::vector<LeftOutPacket> left_out_;
};

template <size_t kCount>
void AddTo(const std::array<uint64_t, kCount>& other, std::array<uint64_t, kCount>* sums) {
  for (size_t i = 0; i < kCount; ++i) (*sums)[i] += other[i];
}

}  // namespace

void CaptureCounts::Add(const CaptureCounts& other) {
  frames += other.frames;
  compared += other.compared;
  after_difference += other.after_difference;
  connections += other.connections;
  fragments += other.fragments;
  AddTo(other.left_out, &left_out);
  AddTo(other.completed, &completed);
  AddTo(other.refused, &refused);
}

ZoneSettings ReplaySettings() {
  // Shorter ones first, as among the defaults: what caps a timeout still does.
  int hours = 24;
  const auto next = [&] { return std::chrono::hours(++hours); };
  ZoneSettings settings;
  for (size_t state = 1; state < kTcpStates; ++state) {
    // Linux has no switch for it.
    if (state == static_cast<size_t>(TcpState::kSynSent2)) continue;
    if (state != static_cast<size_t>(TcpState::kEstablished)) settings.tcp.timeout[state] = next();
  }
  for (size_t state = 1; state < kSctpStates; ++state) settings.sctp.timeout[state] = next();
  for (Duration* timeout :
       {&settings.udp, &settings.udp_stream, &settings.icmp, &settings.icmpv6, &settings.gre,
        &settings.gre_stream, &settings.generic, &settings.tcp.max_retransmission_timeout,
        &settings.tcp.unacknowledged}) {
    *timeout = next();
  }
  settings.tcp.timeout[static_cast<size_t>(TcpState::kEstablished)] = std::chrono::hours(240);
  return settings;
}

absl::StatusOr<CaptureReport> CompareCapture(const std::string& path, const ZoneSettings& settings,
                                             KernelSubject* kernel,
                                             const CaptureProgress& progress) {
  auto capture = sensor::OpenCaptureFile(path, "", nullptr);
  if (!capture.ok()) return capture.status();
  CaptureReport report;
  const absl::Status status = Replay(settings, kernel, &report).Run(capture->get(), progress);
  if (!status.ok()) return status;
  return report;
}

}  // namespace conntrack
