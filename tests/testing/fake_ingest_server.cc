#include "tests/testing/fake_ingest_server.h"

#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace conntrack::testing {

FakeIngestServer::FakeIngestServer(std::shared_ptr<grpc::ServerCredentials> credentials,
                                   const std::string& address) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, std::move(credentials), &port);
  builder.RegisterService(this);
  builder.SetMaxReceiveMessageSize(4 << 20);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    std::fprintf(stderr, "the fake server cannot listen\n");
    std::abort();
  }
  address_ = address == "127.0.0.1:0" ? "127.0.0.1:" + std::to_string(port) : address;
}

FakeIngestServer::~FakeIngestServer() {
  BreakStreams();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  // All calls have ended; the lock says so to ThreadSanitizer, which does not
  // see into gRPC.
  std::lock_guard lock(mutex_);
}

void FakeIngestServer::Script(StreamScript script) {
  std::lock_guard lock(mutex_);
  scripts_.push_back(std::move(script));
}

void FakeIngestServer::Reject(std::set<uint64_t> sequences) {
  std::lock_guard lock(mutex_);
  reject_ = std::move(sequences);
}

void FakeIngestServer::BreakStreams() {
  std::lock_guard lock(mutex_);
  for (grpc::ServerContext* context : contexts_) context->TryCancel();
  changed_.notify_all();
}

void FakeIngestServer::Forget() {
  std::lock_guard lock(mutex_);
  applied_.clear();
}

std::vector<v1::Hello> FakeIngestServer::hellos() const {
  std::lock_guard lock(mutex_);
  return hellos_;
}

std::vector<v1::Heartbeat> FakeIngestServer::heartbeats() const {
  std::lock_guard lock(mutex_);
  return heartbeats_;
}

std::vector<uint64_t> FakeIngestServer::applied_at_heartbeat() const {
  std::lock_guard lock(mutex_);
  return applied_at_heartbeat_;
}

std::vector<std::vector<uint64_t>> FakeIngestServer::received() const {
  std::lock_guard lock(mutex_);
  return received_;
}

std::vector<uint64_t> FakeIngestServer::applied_times() const {
  std::lock_guard lock(mutex_);
  return applied_times_;
}

bool FakeIngestServer::WaitFor(const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), condition);
}

v1::Welcome FakeIngestServer::Welcome(const v1::Hello& hello) {
  // A session that is not known starts where its client says.
  const auto [entry, is_new] = applied_.try_emplace(hello.session_id(), hello.first_sequence() - 1);
  v1::Welcome welcome;
  welcome.set_applied_sequence(entry->second);
  welcome.set_batch_packets_max(4096);
  welcome.set_message_bytes_max(4 << 20);
  welcome.set_slot_count(256);
  welcome.set_clock(hello.clock());
  welcome.set_software("fake");
  return welcome;
}

void FakeIngestServer::SendAck(Open* open) {
  v1::IngestResponse response;
  response.mutable_ack()->set_applied_sequence(applied_[open->session_id]);
  for (const auto& rejected : open->unreported) *response.mutable_ack()->add_rejected() = rejected;
  open->unreported.clear();
  open->stream->Write(response);
}

std::optional<grpc::Status> FakeIngestServer::TakeBatch(const v1::SequencedBatch& batch,
                                                        size_t index, Open* open) {
  received_[index].push_back(batch.sequence());
  ++open->batches;
  const grpc::Status killed(grpc::StatusCode::UNAVAILABLE, "killed by the script");
  if (open->script.kill_at_batch == open->batches) return killed;
  uint64_t& applied = applied_[open->session_id];
  if (batch.sequence() > applied + 1) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "a gap in the sequence");
  }
  if (batch.sequence() == applied + 1) {
    applied = batch.sequence();
    if (reject_.contains(batch.sequence())) {
      v1::RejectedBatch rejected;
      rejected.set_sequence(batch.sequence());
      rejected.set_reason(v1::BATCH_REJECTION_COLUMN_LENGTH);
      rejected.set_detail("column kind has 3 rows, ports 2");
      open->unreported.push_back(rejected);
    } else {
      applied_times_.push_back(batch.packets().base_time_unix_ns());
    }
  }
  if (open->script.kill_after_batch == open->batches) return killed;
  if (open->script.drain_after_batch == open->batches) {
    v1::IngestResponse response;
    response.mutable_draining()->mutable_grace()->set_seconds(5);
    open->stream->Write(response);
  }
  if (open->script.ack && open->batches % open->script.ack_every == 0) SendAck(open);
  return std::nullopt;
}

grpc::Status FakeIngestServer::Ingest(grpc::ServerContext* context, Stream* stream) {
  std::unique_lock lock(mutex_);
  contexts_.insert(context);
  const std::shared_ptr<void> registration(nullptr, [&](void*) {
    const std::lock_guard at_end(mutex_);
    contexts_.erase(context);
    changed_.notify_all();
  });
  Open open{stream, {}, "", 0, {}};
  if (!scripts_.empty()) {
    open.script = std::move(scripts_.front());
    scripts_.pop_front();
  }
  const size_t index = received_.size();
  received_.emplace_back();
  lock.unlock();

  v1::IngestRequest request;
  if (!stream->Read(&request)) return grpc::Status::CANCELLED;
  lock.lock();
  hellos_.push_back(request.hello());
  changed_.notify_all();
  const auto cancelled = [context] { return context->IsCancelled(); };
  if (open.script.refuse.has_value()) return *open.script.refuse;
  if (open.script.mute) {
    // Nothing tells of a cancellation, so it is looked for.
    while (!changed_.wait_for(lock, std::chrono::milliseconds(20), cancelled)) {
    }
    return grpc::Status::CANCELLED;
  }
  open.session_id = request.hello().session_id();
  v1::IngestResponse response;
  *response.mutable_welcome() = Welcome(request.hello());
  if (open.script.edit_welcome) open.script.edit_welcome(response.mutable_welcome());
  stream->Write(response);
  lock.unlock();

  while (stream->Read(&request)) {
    lock.lock();
    if (request.has_heartbeat()) {
      heartbeats_.push_back(request.heartbeat());
      applied_at_heartbeat_.push_back(applied_[open.session_id]);
    } else if (const auto status = TakeBatch(request.batch(), index, &open)) {
      return *status;
    }
    changed_.notify_all();
    if (open.script.stall_after_batch == open.batches) {
      while (!changed_.wait_for(lock, std::chrono::milliseconds(20), cancelled)) {
      }
      return grpc::Status::CANCELLED;
    }
    lock.unlock();
  }
  lock.lock();
  if (context->IsCancelled()) return grpc::Status::CANCELLED;
  if (open.script.ack) SendAck(&open);
  return open.script.end;
}

}  // namespace conntrack::testing
