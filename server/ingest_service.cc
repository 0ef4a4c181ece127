#include "server/ingest_service.h"

#include <utility>

#include "server/ingest_stream.h"

namespace conntrack {

IngestService::IngestService(const IngestOptions& options, Tracker* tracker,
                             SensorRegistry* sensors, const ServerClock* clock)
    : options_(options), tracker_(tracker), sensors_(sensors), clock_(clock) {}

IngestService::~IngestService() = default;

void IngestService::Register(grpc::ServerBuilder* builder) {
  builder->RegisterService(&grpc_);
  queue_ = builder->AddCompletionQueue();
}

void IngestService::Start() {
  accept_thread_ = std::thread([this] { Accept(); });
}

void IngestService::Accept() {
  auto next = std::make_unique<IngestStream>(this);
  RequestNext(next.get());
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    if (!ok) continue;  // The server shuts down: the queue is about to end.
    JoinFinished(false);
    IngestStream* const arrived = next.get();
    stream_count_.fetch_add(1);
    {
      const MutexLock lock(&mutex_);
      workers_.push_back({std::move(next), std::thread([arrived] { arrived->Run(); })});
    }
    next = std::make_unique<IngestStream>(this);
    RequestNext(next.get());
  }
}

void IngestService::RequestNext(IngestStream* next) {
  const MutexLock lock(&mutex_);
  if (!closed_) next->Request(queue_.get());
}

void IngestService::Close() {
  const MutexLock lock(&mutex_);
  closed_ = true;
}

void IngestService::JoinFinished(bool all) {
  std::list<Worker> finished;
  {
    const MutexLock lock(&mutex_);
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      const auto current = worker++;
      if (all || current->stream->finished()) {
        finished.splice(finished.end(), workers_, current);
      }
    }
  }
  for (Worker& worker : finished) worker.thread.join();
}

void IngestService::Stop() {
  if (queue_ == nullptr) return;
  queue_->Shutdown();
  if (accept_thread_.joinable()) accept_thread_.join();
  JoinFinished(true);
}

}  // namespace conntrack
