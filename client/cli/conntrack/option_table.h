// The options of conntrack(8): how they are written, and which commands take
// them.
#pragma once

#include <getopt.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/cli/conntrack/options.h"

namespace conntrack::cli {

// In the order in which conntrack(8) complains about them.
enum class Option {
  kSource,
  kDestination,
  kReplySource,
  kReplyDestination,
  kProtocol,
  kTimeout,
  kStatus,
  kZero,
  kEventMask,
  kTupleSource,
  kTupleDestination,
  kSourceMask,
  kDestinationMask,
  kSourceNat,
  kDestinationNat,
  kAnyNat,
  kOutput,
  kMark,
  kId,
  kFamily,
  kBufferSize,
  kSecurityMark,
  kZone,
  kLabel,
  kLabelAdd,
  kLabelDelete,
  kOriginalZone,
  kReplyZone,
  // Of protocols.
  kState,
  kSourcePort,
  kDestinationPort,
  kReplySourcePort,
  kReplyDestinationPort,
  kTupleSourcePort,
  kTupleDestinationPort,
  kMaskSourcePort,
  kMaskDestinationPort,
  kIcmpType,
  kIcmpCode,
  kIcmpId,
  kOriginalTag,
  kReplyTag,
  kRole,
  kSourceKey,
  kDestinationKey,
  kReplySourceKey,
  kReplyDestinationKey,
  kTupleSourceKey,
  kTupleDestinationKey,
  kMaskSourceKey,
  kMaskDestinationKey,
};

struct OptionRow {
  Option option;
  // 0: it has only long names.
  char letter;
  // The first is the one in complaints. Unused ones are nullptr.
  const char* names[3];
  // no_argument, required_argument or optional_argument of getopt.h.
  int argument;
  // The letters of the commands that take it, and of those that need it.
  const char* taken_by;
  const char* needed_by;
  // The protocols whose option it is; empty: everyone's.
  std::vector<uint8_t> protocols;
};

std::span<const OptionRow> OptionRows();

struct CommandRow {
  Command command;
  char letter;
  const char* name;
};

std::span<const CommandRow> CommandRows();

// What getopt_long returns for the option of a row; a letter for a command.
constexpr int kOptionValues = 256;

// The argument of getopt_long for the letters: with ':' at its beginning, and '::'
// behind commands, whose table may be left out.
std::string LetterText();

// The long options of everyone and of one protocol; -1: no protocol. Ends with a row
// of zeros, as getopt_long wants.
std::vector<option> LongOptions(int protocol);

}  // namespace conntrack::cli
