// Exports as files: read back, and damaged in every way.
#include "client/cli/saved_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/cli/export_slot.h"

namespace conntrack::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::ExportConnectionsResponse PartOf(std::vector<uint64_t> ids) {
  v1::ExportConnectionsResponse part;
  for (const uint64_t id : ids) part.add_connections()->set_id(id);
  return part;
}

std::string WholeFile() {
  SavedHead head;
  head.server.set_slot_count(256);
  head.request.set_filter("protocol = TCP");
  return SavedHeadBytes(head) + SavedPartBytes(PartOf({1, 2})) + SavedPartBytes(PartOf({3})) +
         SavedEndBytes(3);
}

// The ids in a file of these bytes, or what is wrong with it.
struct Content {
  std::vector<uint64_t> ids;
  uint32_t slot_count = 0;
  std::string filter;
  std::string complaint;
};

Content Read(const std::string& bytes) {
  const int file = memfd_create("export", 0);
  EXPECT_EQ(write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  lseek(file, 0, SEEK_SET);
  const auto opened = SavedFile::Open("/proc/self/fd/" + std::to_string(file));
  close(file);
  Content content;
  if (!opened.ok()) {
    content.complaint = std::string(opened.status().message());
    return content;
  }
  content.slot_count = (*opened)->head().server.slot_count();
  content.filter = (*opened)->head().request.filter();
  v1::ExportConnectionsResponse part;
  for (;;) {
    const auto more = (*opened)->Next(&part);
    if (!more.ok()) content.complaint = std::string(more.status().message());
    if (!more.ok() || !*more) return content;
    for (const auto& connection : part.connections()) content.ids.push_back(connection.id());
  }
}

TEST(SavedFileTest, WhatWasWrittenIsRead) {
  const Content content = Read(WholeFile());
  EXPECT_EQ(content.complaint, "");
  EXPECT_THAT(content.ids, ElementsAre(1, 2, 3));
  EXPECT_EQ(content.slot_count, 256u);
  EXPECT_EQ(content.filter, "protocol = TCP");
}

TEST(SavedFileTest, AnEmptyFilterIsNoEnd) {
  EXPECT_EQ(Read(SavedHeadBytes({}) + SavedPartBytes(PartOf({9})) + SavedEndBytes(1)).complaint,
            "");
}

TEST(SavedFileTest, EveryCutIsNoticedAndTheByteNamed) {
  const std::string whole = WholeFile();
  for (size_t size = 0; size < whole.size(); ++size) {
    const Content content = Read(whole.substr(0, size));
    EXPECT_NE(content.complaint, "") << "cut to " << size;
    // In front of the first record it is no export at all.
    if (size > 19) {
      EXPECT_THAT(content.complaint, HasSubstr(": byte ")) << "cut to " << size;
    }
  }
}

TEST(SavedFileTest, OtherFilesAreRefused) {
  EXPECT_THAT(Read("tcp 6 src=192.0.2.1\n and more").complaint,
              HasSubstr("is not an export of conntrackctl"));
  EXPECT_THAT(Read("").complaint, HasSubstr("is not an export of conntrackctl"));
  EXPECT_THAT(Read("conntrack-export 2\n").complaint,
              HasSubstr("a version that this program does not know"));
  EXPECT_THAT(Read(WholeFile() + "x").complaint, HasSubstr("the file goes on behind its end"));
  EXPECT_THAT(Read(SavedHeadBytes({}) + SavedPartBytes(PartOf({9})) + SavedEndBytes(2)).complaint,
              HasSubstr("the file has 1 connections and says 2"));
  EXPECT_THAT(Read(SavedHeadBytes({}) + std::string("\x03\xFF\xFF\xFF", 4)).complaint,
              HasSubstr("this is not a part of an export"));
  EXPECT_THAT(Read(SavedHeadBytes({}) + "\xFF\xFF\xFF\xFF\x0F").complaint,
              HasSubstr("is longer than any"));
}

TEST(ExportSlotTest, PartsMakeTheCutOfTheirSlot) {
  ExportSlot slot;
  v1::ExportConnectionsResponse part = PartOf({1, 2, 3});
  slot.Add(&part);
  part = PartOf({2, 4});
  part.mutable_connections(0)->set_mark(7);
  part.add_removed_ids(1);
  part.mutable_cut()->set_sequence(5);
  slot.Add(&part);
  EXPECT_EQ(slot.size(), 3u);
  const auto parts = slot.Take();
  ASSERT_EQ(parts.size(), 1u);
  ASSERT_EQ(parts[0].connections_size(), 3);
  EXPECT_EQ(parts[0].connections(0).id(), 2u);
  EXPECT_EQ(parts[0].connections(0).mark(), 7u);
  EXPECT_EQ(parts[0].cut().sequence(), 5u);
}

TEST(ExportSlotTest, ARestartMakesVoidWhatCameBefore) {
  ExportSlot slot;
  v1::ExportConnectionsResponse part = PartOf({1});
  slot.Add(&part);
  part = PartOf({2});
  part.set_restarted(true);
  part.mutable_cut();
  slot.Add(&part);
  const auto parts = slot.Take();
  ASSERT_EQ(parts[0].connections_size(), 1);
  EXPECT_EQ(parts[0].connections(0).id(), 2u);
  EXPECT_EQ(slot.size(), 0u);
}

TEST(ExportSlotTest, ALargeSlotIsSeveralParts) {
  ExportSlot slot;
  v1::ExportConnectionsResponse part;
  for (uint64_t id = 1; id <= 2'001; ++id) part.add_connections()->set_id(id);
  part.set_slot(9);
  part.mutable_cut();
  slot.Add(&part);
  const auto parts = slot.Take();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_FALSE(parts[0].has_cut());
  EXPECT_TRUE(parts[2].has_cut());
  EXPECT_EQ(parts[2].connections_size(), 1);
  EXPECT_EQ(parts[1].slot(), 9u);
}

}  // namespace
}  // namespace conntrack::cli
