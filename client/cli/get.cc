// conntrackctl get: one connection, by its id or by a tuple of either direction.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/connection_printer.h"
#include "client/cli/format_json.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

struct GetOptions {
  std::optional<uint64_t> id;
  uint32_t zone = 0;
  std::string protocol;
  std::string source;
  std::string destination;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
  std::optional<uint16_t> icmp_type;
  std::optional<uint16_t> icmp_code;
  std::optional<uint16_t> icmp_id;
  uint16_t source_key = 0;
  uint16_t destination_key = 0;
};

absl::Status Missing(const char* flags) {
  return absl::InvalidArgumentError(absl::StrCat("get needs an ID, or ", flags));
}

absl::Status FillTuple(const GetOptions& options, v1::ConnectionKey* key) {
  if (options.protocol.empty() || options.source.empty() || options.destination.empty()) {
    return Missing("--protocol, --source and --destination");
  }
  const auto protocol = ParseProtocol(options.protocol);
  if (!protocol.ok()) return protocol.status();
  key->set_zone(options.zone);
  key->set_protocol(*protocol);
  v1::Tuple* tuple = key->mutable_tuple();
  tuple->set_source_address(options.source);
  tuple->set_destination_address(options.destination);
  switch (*protocol) {
    case v1::PROTOCOL_TCP:
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_SCTP:
      if (!options.source_port.has_value() || !options.destination_port.has_value()) {
        return Missing("--sport and --dport as well for this protocol");
      }
      tuple->mutable_ports()->set_source(*options.source_port);
      tuple->mutable_ports()->set_destination(*options.destination_port);
      return absl::OkStatus();
    case v1::PROTOCOL_ICMP:
    case v1::PROTOCOL_ICMPV6:
      if (!options.icmp_id.has_value()) return Missing("--icmp-id as well for this protocol");
      tuple->mutable_icmp()->set_type(
          options.icmp_type.value_or(*protocol == v1::PROTOCOL_ICMP ? 8 : 128));
      tuple->mutable_icmp()->set_code(options.icmp_code.value_or(0));
      tuple->mutable_icmp()->set_id(*options.icmp_id);
      return absl::OkStatus();
    case v1::PROTOCOL_GRE:
      tuple->mutable_gre()->set_source(options.source_key);
      tuple->mutable_gre()->set_destination(options.destination_key);
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

absl::Status Get(Invocation& invocation, const GetOptions& options) {
  v1::GetConnectionRequest request;
  if (options.id.has_value()) {
    request.set_id(*options.id);
  } else {
    const absl::Status status = FillTuple(options, request.mutable_tuple());
    if (!status.ok()) return status;
  }
  v1::GetConnectionResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::GetConnection, request, &response);
  if (!status.ok()) return status;
  if (invocation.format() == Format::kJson) {
    invocation.output().Write(JsonText(response.connection()));
    return absl::OkStatus();
  }
  ConnectionPrinter printer(invocation);
  printer.Print(response.connection());
  printer.End();
  return absl::OkStatus();
}

void AddTupleOptions(CLI::App& verb, GetOptions* options) {
  const std::string group = "Or its tuple, of either direction";
  verb.add_option("--zone", options->zone, "The zone; 0")->type_name("N")->group(group);
  verb.add_option("-p,--protocol", options->protocol, "tcp, udp, icmp, icmpv6, … or a number")
      ->type_name("PROTOCOL")
      ->group(group);
  verb.add_option("-s,--source", options->source, "Source address")
      ->type_name("ADDR")
      ->group(group);
  verb.add_option("-d,--destination", options->destination, "Destination address")
      ->type_name("ADDR")
      ->group(group);
  verb.add_option("--sport", options->source_port, "Source port")->type_name("PORT")->group(group);
  verb.add_option("--dport", options->destination_port, "Destination port")
      ->type_name("PORT")
      ->group(group);
  verb.add_option("--icmp-type", options->icmp_type, "ICMP type; that of an echo request")
      ->type_name("N")
      ->group(group);
  verb.add_option("--icmp-code", options->icmp_code, "ICMP code; 0")->type_name("N")->group(group);
  verb.add_option("--icmp-id", options->icmp_id, "ICMP id")->type_name("N")->group(group);
  verb.add_option("--srckey", options->source_key, "GRE key of the source; 0")
      ->type_name("KEY")
      ->group(group);
  verb.add_option("--dstkey", options->destination_key, "GRE key (call id) of the destination; 0")
      ->type_name("KEY")
      ->group(group);
}

}  // namespace

void AddGetVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* verb = invocation.AddVerb(app, "get", "Show one connection",
                                      [&invocation, options] { return Get(invocation, *options); });
  verb->add_option("ID", options->id, "The connection's id");
  AddTupleOptions(*verb, options.get());
  invocation.SetManual(
      *verb,
      {{"conntrackctl get -p tcp -s 192.0.2.1 --sport 53786 -d 192.0.2.2 --dport 22 --zone 1",
        "the connection of a tuple"},
       {"conntrackctl get -p tcp -s 192.0.2.2 --sport 22 -d 192.0.2.1 --dport 53786 --zone 1 "
        "-o json",
        "the same, by the tuple of its replies"},
       {"conntrackctl get 1795350804189085", "one by its id, which there is not", kExitNotFound}});
}

}  // namespace conntrack::cli
