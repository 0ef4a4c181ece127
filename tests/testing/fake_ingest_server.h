// An ingest server that misbehaves on demand, over a real socket.
//
// It keeps the protocol's bookkeeping (what each session had applied) and none
// of the tracker's, so a test can see exactly what a client sent, and can make
// the next streams end, stall, reject or forget as servers and networks do.
//
// Thread-safe.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conntrack/v1/ingest_service.grpc.pb.h"

namespace conntrack::testing {

// How one stream goes. The default is a server that behaves.
struct StreamScript {
  // Ends the stream with this instead of a welcome.
  std::optional<grpc::Status> refuse;
  // Never sends a welcome, nor ends the stream.
  bool mute = false;
  // Ends the stream with UNAVAILABLE on receiving this many batches; the last
  // of them is not applied.
  std::optional<uint64_t> kill_at_batch;
  // The same, but the last one is applied and its ack never sent.
  std::optional<uint64_t> kill_after_batch;
  // Sends no acks, not even the last one.
  bool ack = true;
  // Acknowledges after this many batches.
  uint64_t ack_every = 1;
  // Asks the client to stop on receiving this many batches, and then goes on
  // as before until it half-closes.
  std::optional<uint64_t> drain_after_batch;
  // What the half-closed stream ends with.
  grpc::Status end = grpc::Status::OK;
  // Changes each welcome before it is sent.
  std::function<void(v1::Welcome*)> edit_welcome;
  // Stops reading after this many batches, until the stream is cancelled.
  std::optional<uint64_t> stall_after_batch;
};

class FakeIngestServer final : public v1::IngestService::Service {
 public:
  // Listens on a free port of 127.0.0.1, or on `address`, such as
  // "unix:/path". Aborts when it cannot.
  explicit FakeIngestServer(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials(),
      const std::string& address = "127.0.0.1:0");
  ~FakeIngestServer() override;

  // Where it listens, the port included.
  const std::string& address() const { return address_; }

  // The next streams go by these, in order; those after them behave.
  void Script(StreamScript script);
  // Batches of these sequences are rejected, with the reason COLUMN_LENGTH.
  void Reject(std::set<uint64_t> sequences);
  // Ends every open stream as a broken connection does.
  void BreakStreams();
  // Forgets all sessions, as a restart does.
  void Forget();

  // All hellos and heartbeats so far, in order.
  std::vector<v1::Hello> hellos() const;
  std::vector<v1::Heartbeat> heartbeats() const;
  // The sequences of the batches received on each stream, in order.
  std::vector<std::vector<uint64_t>> received() const;
  // The base times of the applied batches, in order, forgotten ones included.
  std::vector<uint64_t> applied_times() const;
  // The last sequence that was applied when each heartbeat came.
  std::vector<uint64_t> applied_at_heartbeat() const;

  // Waits until `condition` holds; it is evaluated after each message. False
  // after ten seconds.
  bool WaitFor(const std::function<bool()>& condition);

  using Stream = grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>;
  grpc::Status Ingest(grpc::ServerContext* context, Stream* stream) override;

 private:
  // One open stream.
  struct Open {
    Stream* stream;
    StreamScript script;
    std::string session_id;
    uint64_t batches = 0;
    std::vector<v1::RejectedBatch> unreported;
  };

  // Takes one batch; returns the status to end with, or nothing to go on.
  std::optional<grpc::Status> TakeBatch(const v1::SequencedBatch& batch, size_t index, Open* open);
  void SendAck(Open* open);
  v1::Welcome Welcome(const v1::Hello& hello);

  std::unique_ptr<grpc::Server> server_;
  std::string address_;

  mutable std::recursive_mutex mutex_;  // Recursive: conditions read through the public face.
  std::condition_variable_any changed_;
  std::deque<StreamScript> scripts_;
  std::set<uint64_t> reject_;
  std::map<std::string, uint64_t> applied_;  // By session id.
  std::set<grpc::ServerContext*> contexts_;
  std::vector<v1::Hello> hellos_;
  std::vector<v1::Heartbeat> heartbeats_;
  std::vector<uint64_t> applied_at_heartbeat_;
  std::vector<std::vector<uint64_t>> received_;
  std::vector<uint64_t> applied_times_;
};

}  // namespace conntrack::testing
