// conntrackctl lookup: what is known of tuples, one of flags or many of a file, in
// batches, so that memory stays at one of them.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/connection_columns.h"
#include "client/cli/duration.h"
#include "client/cli/format_json.h"
#include "client/cli/names.h"
#include "client/cli/tuple_flags.h"
#include "client/cli/verbs.h"
#include "client/cli/wire_tuple.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// Most tuples that a call takes.
constexpr size_t kBatchMax = 4'096;

struct LookupOptions {
  TupleFlags tuple;
  std::string tuples_file;
};

struct Answer {
  // 0: there is no connection.
  uint64_t id = 0;
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  v1::Direction direction = v1::DIRECTION_UNSPECIFIED;
  // As names.h has it; empty when the protocol has none.
  std::string state;
  uint32_t status = 0;
  uint32_t mark = 0;
  std::chrono::milliseconds timeout{0};
};

// Takes tuples, asks for many at a time and prints them in their order.
class Lookups {
 public:
  explicit Lookups(Invocation& invocation)
      : invocation_(invocation), table_(Columns(), invocation.table_style()) {}

  absl::Status Add(v1::ConnectionKey key) {
    auto tuple = WireTuple::Of(key);
    if (!tuple.ok()) return tuple.status();
    keys_.push_back(std::move(key));
    tuples_.push_back(*std::move(tuple));
    return keys_.size() < kBatchMax ? absl::OkStatus() : Flush();
  }

  // Asks for what was added and prints it.
  absl::Status Flush();

  // NotFound when none of the tuples has a connection.
  absl::Status End();

 private:
  static std::vector<Table::Column> Columns() {
    return {{"PROTOCOL"},  {"SOURCE"}, {"DESTINATION"}, {"ZONE", true},    {"VERDICT"},
            {"DIRECTION"}, {"STATE"},  {"MARK", true},  {"EXPIRES", true}, {"ID", true}};
  }
  absl::Status Ask(uint32_t zone, v1::PacketLayout layout, const std::vector<size_t>& places,
                   std::vector<Answer>* answers);
  void Print(const v1::ConnectionKey& key, const Answer& answer);

  Invocation& invocation_;
  Table table_;
  std::vector<v1::ConnectionKey> keys_;
  std::vector<WireTuple> tuples_;
  bool first_ = true;
  uint64_t asked_ = 0;
  uint64_t found_ = 0;
};

absl::Status Lookups::Flush() {
  // A call is about one zone and one family.
  std::map<std::pair<uint32_t, v1::PacketLayout>, std::vector<size_t>> calls;
  for (size_t i = 0; i < keys_.size(); ++i) {
    calls[{keys_[i].zone(), tuples_[i].layout}].push_back(i);
  }
  std::vector<Answer> answers(keys_.size());
  for (const auto& [call, places] : calls) {
    const absl::Status status = Ask(call.first, call.second, places, &answers);
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < keys_.size(); ++i) Print(keys_[i], answers[i]);
  keys_.clear();
  tuples_.clear();
  if (IsRows(invocation_.format())) invocation_.output().Write(table_.Flush());
  invocation_.output().Flush();
  return absl::OkStatus();
}

// The name of a state, as the connection of its protocol has it.
std::string StateName(v1::Protocol protocol, int number) {
  v1::Connection connection;
  if (protocol == v1::PROTOCOL_TCP) {
    connection.mutable_tcp()->set_state(static_cast<v1::TcpState>(number));
  } else if (protocol == v1::PROTOCOL_SCTP) {
    connection.mutable_sctp()->set_state(static_cast<v1::SctpState>(number));
  }
  return StateText(connection);
}

absl::Status Lookups::Ask(uint32_t zone, v1::PacketLayout layout, const std::vector<size_t>& places,
                          std::vector<Answer>* answers) {
  v1::LookupConnectionsRequest request;
  request.set_zone(zone);
  request.set_layout(layout);
  for (const size_t place : places) {
    tuples_[place].AddTo(&request);
    request.mutable_protocol()->push_back(static_cast<char>(keys_[place].protocol()));
  }
  v1::LookupConnectionsResponse response;
  const absl::Status status = invocation_.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::LookupConnections, request, &response);
  if (!status.ok()) return status;
  if (response.id_size() != static_cast<int>(places.size())) {
    return absl::InternalError(absl::StrCat("the server answered for ", response.id_size(), " of ",
                                            places.size(), " tuples"));
  }
  for (size_t row = 0; row < places.size(); ++row) {
    const int i = static_cast<int>(row);
    ++asked_;
    if (response.id(i) == 0) continue;
    ++found_;
    Answer& answer = (*answers)[places[row]];
    answer.id = response.id(i);
    answer.verdict = static_cast<v1::Verdict>(response.verdict()[row]);
    answer.direction = static_cast<v1::Direction>(response.direction()[row]);
    answer.state = StateName(keys_[places[row]].protocol(), response.state()[row]);
    answer.status = response.status(i);
    answer.mark = response.mark(i);
    answer.timeout = std::chrono::milliseconds(response.timeout_ms(i));
  }
  return absl::OkStatus();
}

std::string AnswerJson(const v1::ConnectionKey& key, const Answer& answer) {
  std::string json = absl::StrCat("{\"key\":", JsonLine(key), ",\"id\":\"", answer.id, "\"");
  if (answer.id != 0) {
    absl::StrAppend(&json, ",\"verdict\":\"", v1::Verdict_Name(answer.verdict),
                    "\",\"direction\":\"", v1::Direction_Name(answer.direction), "\"");
    if (!answer.state.empty()) absl::StrAppend(&json, ",\"state\":\"", answer.state, "\"");
    absl::StrAppend(&json, ",\"status\":", answer.status, ",\"mark\":", answer.mark,
                    ",\"timeout\":", JsonLine(ToProto(answer.timeout)));
  }
  return json + "}";
}

void Lookups::Print(const v1::ConnectionKey& key, const Answer& answer) {
  const Format format = invocation_.format();
  if (IsJson(format)) {
    const char* before = "";
    if (format == Format::kJson) before = first_ ? "[\n" : ",\n";
    invocation_.output().Write(
        absl::StrCat(before, AnswerJson(key, answer), format == Format::kJson ? "" : "\n"));
    first_ = false;
    return;
  }
  std::vector<std::string> row = {ProtocolText(key.protocol()), SourceText(key.tuple()),
                                  DestinationText(key.tuple()), absl::StrCat(key.zone())};
  if (answer.id == 0) {
    row.resize(Columns().size());
  } else {
    row.insert(row.end(),
               {VerdictText(answer.verdict), DirectionText(answer.direction), answer.state,
                absl::StrCat(answer.mark), DurationText(answer.timeout), absl::StrCat(answer.id)});
  }
  table_.Add(std::move(row));
}

absl::Status Lookups::End() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  if (invocation_.format() == Format::kJson) {
    invocation_.output().Write(first_ ? "[]\n" : "\n]\n");
  }
  if (asked_ > 0 && found_ == 0) {
    return absl::NotFoundError(asked_ == 1 ? "no such connection"
                                           : absl::StrCat("none of ", asked_, " tuples is known"));
  }
  return absl::OkStatus();
}

absl::Status LookupLines(Invocation& invocation, const LookupOptions& options, Lookups* lookups) {
  const bool standard_input = options.tuples_file == "-";
  std::ifstream file;
  if (!standard_input) {
    file.open(options.tuples_file);
    if (!file) {
      return absl::InvalidArgumentError(absl::StrCat("cannot read ", options.tuples_file));
    }
  }
  std::istream& lines = standard_input ? std::cin : file;
  const std::string name = standard_input ? "standard input" : options.tuples_file;
  std::string line;
  for (uint64_t number = 1; std::getline(lines, line) && !invocation.output().closed(); ++number) {
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    auto key = ParseTuple(line, options.tuple.zone);
    absl::Status status = key.status();
    if (key.ok()) status = lookups->Add(*std::move(key));
    if (status.code() == absl::StatusCode::kInvalidArgument) {
      return absl::InvalidArgumentError(absl::StrCat(name, ":", number, ": ", status.message()));
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Lookup(Invocation& invocation, const LookupOptions& options) {
  Lookups lookups(invocation);
  absl::Status status;
  if (options.tuples_file.empty()) {
    auto key = KeyOf(options.tuple);
    status = key.ok() ? lookups.Add(*std::move(key)) : key.status();
  } else if (!options.tuple.empty()) {
    status = absl::InvalidArgumentError("give a tuple or --tuples, not both");
  } else {
    status = LookupLines(invocation, options, &lookups);
  }
  return status.ok() ? lookups.End() : status;
}

}  // namespace

void AddLookupVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<LookupOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "lookup", "Tell state and verdict of tuples, one or many",
                         [&invocation, options] { return Lookup(invocation, *options); });
  AddTupleFlags(*verb, "A tuple, of either direction", &options->tuple);
  verb->add_option("--tuples", options->tuples_file,
                   "Tuples from a file, one a line; - for standard input")
      ->type_name("FILE");
  invocation.SetManual(
      *verb,
      {{"conntrackctl lookup -p tcp -s 192.0.2.1 --sport 53786 -d 192.0.2.2 --dport 22 --zone 1",
        "one tuple"},
       {"echo tcp src=192.0.2.2 dst=192.0.2.1 sport=22 dport=53786 | "
        "conntrackctl lookup --tuples - --zone 1",
        "tuples of lines"},
       {"conntrackctl list -p udp -o conntrack | conntrackctl lookup --tuples - -o jsonl",
        "lines as conntrack -L prints them will do"}},
      "The verdict is what a packet with this tuple would be told if it fits the\n"
      "connection: ESTABLISHED or NEW. Nothing changes, not even a timeout. Exits\n"
      "with 3 when none of the tuples has a connection.");
}

}  // namespace conntrack::cli
