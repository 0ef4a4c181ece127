#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/tell.h"
#include "client/cli/conntrack/tuple_of.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// What a server that only watches cannot keep.
absl::Status CheckCanBeKept(const ConntrackOptions& options) {
  constexpr uint32_t kKept = kSeenReply | kAssured;
  if (options.translated) {
    return absl::FailedPreconditionError("address translation is not tracked");
  }
  if (options.original.zone.value_or(0) != 0 || options.reply.zone.value_or(0) != 0) {
    return absl::FailedPreconditionError("a zone is of both directions: use --zone");
  }
  if ((options.status.value_or(0) & ~kKept) != 0) {
    return absl::FailedPreconditionError("of the status only SEEN_REPLY and ASSURED can be set");
  }
  const bool stateful =
      *options.protocol == v1::PROTOCOL_TCP || *options.protocol == v1::PROTOCOL_SCTP;
  if (stateful && options.state == "NONE") {
    return absl::InvalidArgumentError("nothing begins in the state NONE");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Connection> ConnectionOf(const ConntrackOptions& options) {
  if (const absl::Status status = CheckCanBeKept(options); !status.ok()) return status;
  const auto tuple = OriginalTuple(options);
  if (!tuple.ok()) return tuple.status();
  v1::Connection connection;
  connection.set_zone(options.zone.value_or(0));
  connection.set_protocol(static_cast<v1::Protocol>(*options.protocol));
  *connection.mutable_original() = *tuple;
  const uint32_t status = options.status.value_or(0);
  connection.set_seen_reply((status & kSeenReply) != 0);
  connection.set_assured((status & kAssured) != 0);
  connection.mutable_timeout()->set_seconds(*options.timeout_seconds);
  if (options.mark.has_value()) connection.set_mark(options.mark->value);
  connection.mutable_labels()->Add(options.labels_to_add.begin(), options.labels_to_add.end());
  if (*options.protocol == v1::PROTOCOL_TCP) {
    v1::TcpState state = v1::TCP_STATE_UNSPECIFIED;
    v1::TcpState_Parse("TCP_STATE_" + *options.state, &state);
    connection.mutable_tcp()->set_state(state);
  } else if (*options.protocol == v1::PROTOCOL_SCTP) {
    v1::SctpState state = v1::SCTP_STATE_UNSPECIFIED;
    v1::SctpState_Parse("SCTP_STATE_" + *options.state, &state);
    auto* sctp = connection.mutable_sctp();
    sctp->set_state(state);
    sctp->set_original_verification_tag(*options.original.verification_tag);
    sctp->set_reply_verification_tag(*options.reply.verification_tag);
  }
  return connection;
}

absl::StatusOr<v1::ImportConnectionsResponse> Import(Invocation& invocation,
                                                     const v1::Connection& connection) {
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + invocation.timeout());
  v1::ImportConnectionsResponse response;
  const auto stub = v1::ConnectionService::NewStub(*channel);
  const auto writer = stub->ImportConnections(&context, &response);
  v1::ImportConnectionsRequest request;
  *request.add_connections() = connection;
  // What went wrong with the writing, Finish tells.
  if (writer->Write(request)) writer->WritesDone();
  const absl::Status status = client::FromGrpcStatus(writer->Finish());
  if (!status.ok()) return status;
  return response;
}

}  // namespace

absl::StatusOr<int> RunCreate(Invocation& invocation, const ConntrackOptions& options) {
  const auto connection = ConnectionOf(options);
  if (!connection.ok()) return connection.status();
  const auto response = Import(invocation, *connection);
  if (!response.ok()) return response.status();
  const bool add = options.command == Command::kAdd;
  uint64_t created = response->imported_connections();
  if (response->rejected_connections_size() > 0) {
    const v1::RejectedConnection& rejected = response->rejected_connections(0);
    const bool exists = rejected.reason() == v1::IMPORT_REJECTION_EXISTS;
    if (exists && !add) {
      return absl::AlreadyExistsError("Such conntrack exists, try -U to update");
    }
    // A timeout of 0 is over before anybody could see it.
    const bool over = rejected.reason() == v1::IMPORT_REJECTION_EXPIRED;
    if (!exists && !over) return absl::InvalidArgumentError(rejected.detail());
    created += over ? 1 : 0;
  }
  if (!options.quiet) TellCount(created, "flow entries", add ? "added" : "created");
  return 0;
}

}  // namespace conntrack::cli
