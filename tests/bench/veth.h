// A veth pair in a network namespace of its own, and frames sent through it.
//
// Needs root.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace conntrack::bench {

// The two ends.
inline constexpr char kVethSender[] = "send0";
inline constexpr char kVethReceiver[] = "take0";

// Why this process can make no network namespace; empty when it can.
std::string WhyNoVeth();

// Calls `work` in a thread of its own, whose namespace, and that of the threads it
// starts, has the pair, both ends up. Returns after it.
//
// REQUIRES: WhyNoVeth() is empty.
void WithVeth(const std::function<void()>& work);

// Sends `count` frames, `frames` over and over, as fast as the pair takes them.
//
// REQUIRES: called by `work`, or a thread it started.
void SendFrames(const std::vector<std::string>& frames, size_t count);

}  // namespace conntrack::bench
