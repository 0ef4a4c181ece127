#include "client/sensor/summary.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace conntrack::sensor {
namespace {

std::string Line(const char* name, uint64_t value, const std::string& more = "") {
  return absl::StrFormat("%-22s %12u%s\n", name, value, more);
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(c);
    } else if (c < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else {
      quoted += static_cast<char>(c);
    }
  }
  return quoted + '"';
}

std::string Field(const char* name, uint64_t value) {
  return absl::StrFormat("\"%s\":%u", name, value);
}

}  // namespace

std::string SummaryAsText(const Summary& summary) {
  const Ledger& ledger = summary.ledger;
  const client::IngestCounts& sent = summary.sent;
  std::string text = absl::StrFormat("%s in %.3f s\n", summary.input, summary.seconds);
  text +=
      Line("read", ledger.read_packets, absl::StrCat(" packets, ", ledger.read_bytes, " bytes"));
  text += Line("decoded", ledger.decoded_packets,
               absl::StrCat(" packets, ", ledger.decoded_bytes, " bytes of IP"));
  if (ledger.malformed_packets != 0) text += Line("  malformed", ledger.malformed_packets);
  if (ledger.reassembled_packets != 0) text += Line("  reassembled", ledger.reassembled_packets);
  text += Line("discarded", ledger.DiscardedPackets());
  for (size_t i = 0; i < kDiscardReasons; ++i) {
    if (ledger.discarded[i] == 0) continue;
    const std::string name = absl::StrCat("  ", DiscardName(static_cast<Discard>(i)));
    text += Line(name.c_str(), ledger.discarded[i]);
  }
  if (ledger.absorbed_fragments != 0) {
    text += Line("absorbed fragments", ledger.absorbed_fragments, " in the reassembled packets");
  }
  if (ledger.kernel_dropped_packets != 0) {
    text += Line("dropped by the kernel", ledger.kernel_dropped_packets);
  }
  if (summary.interface_dropped_packets != 0) {
    text += Line("dropped by the card", summary.interface_dropped_packets);
  }
  text +=
      Line("sent", sent.sent_packets, absl::StrCat(" packets in ", sent.sent_batches, " batches"));
  text += Line("acknowledged", sent.acknowledged_packets);
  text += Line("rejected", sent.rejected_packets);
  text += Line("dropped", sent.dropped_packets);
  if (sent.pending_packets != 0) text += Line("not acknowledged", sent.pending_packets);
  if (sent.connects > 1) {
    text += Line("connections", sent.connects,
                 absl::StrCat(", ", sent.resent_batches, " batches sent again"));
  }
  absl::StrAppend(&text,
                  summary.ledger_error.empty()
                      ? "every packet is accounted for\n"
                      : absl::StrCat("THE COUNTS DO NOT ADD UP: ", summary.ledger_error, "\n"));
  return text;
}

std::string SummaryAsJson(const Summary& summary) {
  const Ledger& ledger = summary.ledger;
  const client::IngestCounts& sent = summary.sent;
  std::string json = absl::StrCat("{\"input\":", Quoted(summary.input));
  absl::StrAppendFormat(&json, ",\"seconds\":%.6f", summary.seconds);
  absl::StrAppend(&json, ",", Field("read_packets", ledger.read_packets), ",",
                  Field("read_bytes", ledger.read_bytes), ",",
                  Field("decoded_packets", ledger.decoded_packets), ",",
                  Field("decoded_bytes", ledger.decoded_bytes), ",",
                  Field("malformed_packets", ledger.malformed_packets), ",",
                  Field("reassembled_packets", ledger.reassembled_packets), ",",
                  Field("absorbed_fragments", ledger.absorbed_fragments), ",",
                  Field("kernel_dropped_packets", ledger.kernel_dropped_packets), ",",
                  Field("interface_dropped_packets", summary.interface_dropped_packets));
  absl::StrAppend(&json, ",", Field("sent_packets", sent.sent_packets), ",",
                  Field("sent_batches", sent.sent_batches), ",",
                  Field("acknowledged_packets", sent.acknowledged_packets), ",",
                  Field("rejected_packets", sent.rejected_packets), ",",
                  Field("dropped_packets", sent.dropped_packets), ",",
                  Field("pending_packets", sent.pending_packets), ",",
                  Field("resent_batches", sent.resent_batches), ",",
                  Field("connects", sent.connects));
  absl::StrAppend(&json, ",\"discarded\":{");
  const char* separator = "";
  for (size_t i = 0; i < kDiscardReasons; ++i) {
    if (ledger.discarded[i] == 0) continue;
    absl::StrAppend(&json, separator,
                    Field(DiscardName(static_cast<Discard>(i)), ledger.discarded[i]));
    separator = ",";
  }
  absl::StrAppend(&json, "},\"ledger_error\":", Quoted(summary.ledger_error), ",\"errors\":[");
  separator = "";
  for (const std::string& error : summary.errors) {
    absl::StrAppend(&json, separator, Quoted(error));
    separator = ",";
  }
  return absl::StrCat(json, "]}\n");
}

}  // namespace conntrack::sensor
