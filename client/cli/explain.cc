// conntrackctl explain: what a packet would do if it came now, and why.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "client/cli/answer.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/names.h"
#include "client/cli/packet_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

void AddExplanation(const v1::ExplainPacketResponse& response, Table* table) {
  table->Add({"verdict", VerdictText(response.verdict())});
  if (response.direction() != v1::DIRECTION_UNSPECIFIED) {
    table->Add({"direction", DirectionText(response.direction())});
  }
  if (response.invalid_reason() != v1::INVALID_REASON_UNSPECIFIED) {
    table->Add({"reason", ReasonText(response.invalid_reason())});
  }
  table->Add({"explanation", response.explanation()});
  table->Add({"before", response.has_before() ? ConntrackLine(response.before(), false) : "none"});
  table->Add({"after", response.has_after() ? ConntrackLine(response.after(), false) : "none"});
  for (const v1::Event& event : response.events()) {
    table->Add({"event", EventTypeText(event.type())});
  }
}

absl::Status Explain(Invocation& invocation, const PacketFlags& flags) {
  auto packet = PacketOf(flags);
  if (!packet.ok()) return packet.status();
  v1::ExplainPacketRequest request;
  request.set_zone(flags.tuple.zone);
  *request.mutable_packet() = *std::move(packet);
  v1::ExplainPacketResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::ExplainPacket, request, &response);
  if (!status.ok()) return status;
  PrintAnswer(invocation, response, {{"FIELD"}, {"VALUE"}},
              [&](Table* table) { AddExplanation(response, table); });
  return absl::OkStatus();
}

}  // namespace

void AddExplainVerb(CLI::App& app, Invocation& invocation) {
  auto flags = std::make_shared<PacketFlags>();
  CLI::App* verb =
      invocation.AddVerb(app, "explain", "Tell what a packet would do if it came now, and why",
                         [&invocation, flags] { return Explain(invocation, *flags); });
  AddPacketFlags(*verb, flags.get());
  invocation.SetManual(
      *verb,
      {{"conntrackctl explain -p tcp -s 192.0.2.1 --sport 40000 -d 192.0.2.2 --dport 80 "
        "--tcp-flags SYN --zone 1",
        "a new connection"},
       {"conntrackctl explain -p tcp -s 192.0.2.1 --sport 40000 -d 192.0.2.2 --dport 80 "
        "--tcp-flags SYN,FIN --zone 1",
        "flags that nobody sends"},
       {"conntrackctl explain -p icmp -s 192.0.2.2 -d 192.0.2.1 --icmp-type 3 --icmp-code 3 "
        "--quote 'tcp src=192.0.2.1 dst=192.0.2.2 sport=53786 dport=22' --zone 1",
        "an error about an open connection"}},
      "Nothing changes. The connection that the packet meets is shown as it is and as\n"
      "it would be.");
}

}  // namespace conntrack::cli
