// What `conntrack -o save` and `-o xml` of conntrack-tools 1.4.7 printed of the same
// connections; the lines of the other formats are in format_conntrack_test.cc.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "client/cli/conntrack/format_save.h"
#include "client/cli/conntrack/format_xml.h"
#include "client/cli/label_names.h"

namespace conntrack::cli {
namespace {

v1::Connection Parse(const std::string& text) {
  v1::Connection connection;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &connection)) << text;
  return connection;
}

v1::Connection Association() {
  return Parse(R"(
    id: 7 protocol: PROTOCOL_SCTP timeout { seconds: 99 } status: 8
    original { source_address: "10.0.0.1" destination_address: "10.0.0.2" ports { source: 1001 destination: 53 } }
    reply { source_address: "10.0.0.2" destination_address: "10.0.0.1" ports { source: 53 destination: 1001 } }
    original_counters {} reply_counters {}
    sctp { state: SCTP_STATE_ESTABLISHED original_verification_tag: 1 reply_verification_tag: 2 }
    expire_time { seconds: 1100 nanos: 500 } create_time { seconds: 998 nanos: 400 })");
}

v1::Connection Tunnel() {
  return Parse(R"(
    id: 8 protocol: PROTOCOL_GRE timeout { seconds: 99 } status: 14 zone: 7 mark: 5 labels: [0, 5]
    seen_reply: true assured: true
    original { source_address: "fd00::1" destination_address: "fd00::2" gre { source: 16 destination: 32 } }
    reply { source_address: "fd00::2" destination_address: "fd00::1" gre { source: 32 destination: 16 } }
    original_counters { packets: 1 bytes: 2 } reply_counters { packets: 3 bytes: 4 }
    expire_time { seconds: 1100 } create_time { seconds: 998 })");
}

TEST(ConntrackSaveTest, IsACommand) {
  EXPECT_EQ(ConntrackSaveLine(Association(), 'A', PartsOf(Association(), 1)),
            "-A -t 99 -u UNSET -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p sctp --sport "
            "1001 --dport 53 --reply-port-src 53 --reply-port-dst 1001 --state ESTABLISHED "
            "--orig-vtag 1 --reply-vtag 2");
  EXPECT_EQ(
      ConntrackSaveLine(Tunnel(), 'D', PartsOf(Tunnel(), 1)),
      "-D -t 99 -u SEEN_REPLY,ASSURED -w 7 -s fd00::1 -d fd00::2 -r fd00::2 -q fd00::1 -p gre "
      "--srckey 16 --dstkey 32 --reply-key-src 32 --reply-key-dst 16");
}

TEST(ConntrackSaveTest, AnEventSaysWhatHappenedAndThatAUserAskedForIt) {
  v1::Event event;
  event.set_type(v1::EVENT_TYPE_DESTROY);
  event.set_cause(v1::EVENT_CAUSE_REQUEST);
  *event.mutable_connection() = Parse(R"(
    protocol: 89 original { source_address: "10.0.0.1" destination_address: "10.0.0.2" }
    reply { source_address: "10.0.0.2" destination_address: "10.0.0.1" })");
  EXPECT_EQ(ConntrackSaveLine(event),
            "-D -u UNSET -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p 89 [USERSPACE] "
            "portid=0");
}

TEST(ConntrackXmlTest, AnAssociationIsCalledByTheStatesOfTcp) {
  EXPECT_EQ(
      ConntrackXml(Association(), {.ktimestamp = true}, PartsOf(Association(), 1)),
      "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
      "<src>10.0.0.1</src><dst>10.0.0.2</dst></layer3><layer4 protonum=\"132\" "
      "protoname=\"sctp\"><sport>1001</sport><dport>53</dport></layer4><counters>"
      "<packets>0</packets><bytes>0</bytes></counters></meta><meta direction=\"reply\">"
      "<layer3 protonum=\"2\" protoname=\"ipv4\"><src>10.0.0.2</src><dst>10.0.0.1</dst></layer3>"
      "<layer4 protonum=\"132\" protoname=\"sctp\"><sport>53</sport><dport>1001</dport></layer4>"
      "<counters><packets>0</packets><bytes>0</bytes></counters></meta>"
      "<meta direction=\"independent\"><state>FIN_WAIT</state><timeout>99</timeout><mark>0</mark>"
      "<use>1</use><id>7</id><unreplied/><timestamp><start>998000000400</start></timestamp>"
      "<deltatime>3</deltatime></meta></flow>");
}

TEST(ConntrackXmlTest, LabelsAndZoneStandBehindTheMark) {
  const std::string path = ::testing::TempDir() + "/connlabel.conf";
  std::ofstream(path) << "0 x\n5 web\n";
  const LabelNames names = LabelNames::Read(path);
  std::remove(path.c_str());
  const std::string xml = ConntrackXml(Tunnel(), {.labels = &names}, PartsOf(Tunnel(), 2));
  EXPECT_NE(xml.find("<srckey>0x10</srckey><dstkey>0x20</dstkey>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<meta direction=\"independent\"><timeout>99</timeout><mark>5</mark><labels>"
                     "<label>x</label><label>web</label></labels><zone>7</zone><use>2</use>"
                     "<id>8</id><assured/></meta></flow>"),
            std::string::npos)
      << xml;
}

TEST(ConntrackXmlTest, AnEventHasAType) {
  v1::Event event;
  event.set_type(v1::EVENT_TYPE_UPDATE);
  *event.mutable_connection() = Tunnel();
  const std::string xml = ConntrackXml(event, {}, /*when=*/true);
  EXPECT_EQ(xml.rfind("<flow type=\"update\"><meta direction=\"original\">", 0), 0u) << xml;
  EXPECT_EQ(xml.find("<counters>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<when><hour>"), std::string::npos) << xml;
}

TEST(LabelNamesTest, ANameIsTheRestOfItsLine) {
  const std::string path = ::testing::TempDir() + "/labels.conf";
  std::ofstream(path) << "0\tx\n 2 z\n4 a b \n# 3 no\n6 x\n0 w\n127 end\nfoo bar\n9\n";
  const LabelNames names = LabelNames::Read(path);
  std::remove(path.c_str());
  EXPECT_EQ(names.NumberOf("x").value(), 0u);
  EXPECT_EQ(names.NumberOf("z").value(), 2u);
  EXPECT_EQ(names.NumberOf("a b").value(), 4u);
  EXPECT_EQ(names.NumberOf("end").value(), 127u);
  for (const char* unknown : {"w", "no", "bar", "9", ""}) {
    EXPECT_EQ(names.NumberOf(unknown).status().code(), absl::StatusCode::kInvalidArgument)
        << unknown;
  }
}

TEST(LabelNamesTest, WithoutAFileLabelsAreNumbers) {
  const LabelNames names = LabelNames::Read("/nonexistent/connlabel.conf");
  EXPECT_EQ(names.NumberOf("5").value(), 5u);
  EXPECT_FALSE(names.NumberOf("128").ok());
  EXPECT_EQ(names.NamesOf(Tunnel()), (std::vector<std::string>{"0", "5"}));
}

}  // namespace
}  // namespace conntrack::cli
