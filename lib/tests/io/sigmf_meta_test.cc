#include <gtest/gtest.h>

#include "ngdsp/io/datetime.h"
#include "ngdsp/io/sigmf.h"
#include "temp_folder.h"

namespace ngdsp {
namespace {

constexpr const char* kFull = R"({
  "global": {"core:version": "1.2.5", "core:datatype": "ci16_le", "core:sample_rate": 1e6, "core:num_channels": 1,
    "core:sha512": "", "core:description": "a line", "core:author": "someone", "core:recorder": "a tool",
    "core:license": "CC0-1.0", "ngplc:profile": "srd868", "ngplc:nodes": [1, 2], "other:thing": {"a": 1}},
  "captures": [{"core:sample_start": 500000, "core:frequency": 868.3e6, "core:datetime": "2024-02-29T12:00:01Z"},
               {"core:sample_start": 600000}],
  "annotations": [{"core:sample_start": 10, "core:sample_count": 20, "core:label": "frame", "core:comment": "c",
    "ngplc:device": 7, "other:x": "kept"}, {"core:sample_start": 40.0}]})";

TEST(SigmfMeta, EveryFieldIsRead) {
  const auto meta = parse_sigmf_meta(kFull, "a.sigmf-meta");
  ASSERT_TRUE(meta) << meta.error();
  EXPECT_EQ(meta->format, SampleFormat::kCi16);
  EXPECT_EQ(meta->sample_rate_hz, 1e6);
  EXPECT_EQ(meta->description, "a line");
  EXPECT_EQ(meta->author, "someone");
  EXPECT_EQ(meta->recorder, "a tool");
  EXPECT_EQ(meta->license, "CC0-1.0");
  EXPECT_EQ(meta->ngplc_json("profile"), "\"srd868\"");
  EXPECT_EQ(meta->ngplc_json("nodes"), "[1,2]");
  EXPECT_EQ(meta->ngplc_json("thing"), "");
  EXPECT_NE(meta->global_json.find(R"("other:thing":{"a":1})"), std::string::npos);
  ASSERT_EQ(meta->captures.size(), 2U);
  EXPECT_EQ(meta->frequency_hz(), 868.3e6);
  // The first capture starts half a second into the file.
  EXPECT_EQ(meta->start_time_ns(), *parse_datetime_ns("2024-02-29T12:00:00.5Z"));
  EXPECT_FALSE(meta->captures[1].frequency_hz);
  ASSERT_EQ(meta->annotations.size(), 2U);
  const SigmfAnnotation& annotation = meta->annotations[0];
  EXPECT_EQ(annotation.sample_start, 10U);
  EXPECT_EQ(annotation.sample_count, 20U);
  EXPECT_EQ(annotation.label, "frame");
  EXPECT_EQ(annotation.comment, "c");
  ASSERT_EQ(annotation.ngplc.size(), 1U);
  EXPECT_EQ(annotation.ngplc[0].key, "device");
  EXPECT_EQ(annotation.ngplc[0].json, "7");
  EXPECT_NE(annotation.json.find(R"("other:x":"kept")"), std::string::npos);
  EXPECT_EQ(meta->annotations[1].sample_start, 40U);
  EXPECT_FALSE(meta->annotations[1].sample_count);
}

TEST(SigmfMeta, WrittenTextReadsBackTheSame) {
  const auto meta = parse_sigmf_meta(kFull, "a");
  ASSERT_TRUE(meta);
  const auto text = format_sigmf_meta(*meta);
  ASSERT_TRUE(text) << text.error();
  EXPECT_NE(text->find(R"("core:version": "1.0.0")"), std::string::npos);
  EXPECT_NE(text->find(R"("core:sample_rate": 1000000)"), std::string::npos);
  EXPECT_NE(text->find(R"("name": "ngplc")"), std::string::npos);
  EXPECT_NE(text->find(R"("optional": true)"), std::string::npos);
  const auto back = parse_sigmf_meta(*text, "b");
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(*format_sigmf_meta(*back), *text);
  EXPECT_EQ(back->ngplc_json("nodes"), "[1,2]");
  EXPECT_EQ(back->start_time_ns(), meta->start_time_ns());
  EXPECT_EQ(back->annotations[0].ngplc[0].json, "7");
}

struct BadMeta {
  const char* text;
  const char* names;  // what the error must name
};

/// Names the case in test lists.
void PrintTo(const BadMeta& bad, std::ostream* out) { *out << bad.names; }

class SigmfMetaBad : public ::testing::TestWithParam<BadMeta> {};

TEST_P(SigmfMetaBad, IsRefusedWithFileAndField) {
  const auto meta = parse_sigmf_meta(GetParam().text, "bad.sigmf-meta");
  ASSERT_FALSE(meta) << GetParam().text;
  EXPECT_EQ(meta.error().rfind("bad.sigmf-meta: ", 0), 0U) << meta.error();
  EXPECT_NE(meta.error().find(GetParam().names), std::string::npos) << meta.error();
  EXPECT_NE(meta.error().find("expected"), std::string::npos) << meta.error();
  EXPECT_EQ(meta.error().find('\n'), std::string::npos) << meta.error();
}

#define GOOD_GLOBAL R"("global": {"core:datatype": "ri16_le", "core:sample_rate": 1})"
INSTANTIATE_TEST_SUITE_P(
    Cases, SigmfMetaBad,
    ::testing::Values(
        BadMeta{"", "not valid JSON"}, BadMeta{"{\"global\": {", "not valid JSON"}, BadMeta{"[]", "global"},
        BadMeta{"12", "global"}, BadMeta{"{}", "global"}, BadMeta{R"({"global": []})", "global"},
        BadMeta{"\xff\xfe{}", "not valid JSON"},
        BadMeta{R"({"global": {"core:sample_rate": 1}})", "global.core:datatype"},
        BadMeta{R"({"global": {"core:datatype": 5, "core:sample_rate": 1}})", "global.core:datatype"},
        BadMeta{R"({"global": {"core:datatype": "cf64_be\n\"", "core:sample_rate": 1}})", "ri16_le"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le"}})", "global.core:sample_rate"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": "1"}})",
                "global.core:sample_rate"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 0}})",
                "global.core:sample_rate"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": -5}})",
                "global.core:sample_rate"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1e13}})",
                "global.core:sample_rate"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:num_channels": 2}})",
                "global.core:num_channels"},
        BadMeta{
            R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:num_channels": "1"}})",
            "global.core:num_channels"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:sha512": "ab"}})",
                "global.core:sha512"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:sha512": null}})",
                "global.core:sha512"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:dataset": "../x"}})",
                "global.core:dataset"},
        BadMeta{R"({"global": {"core:datatype": "ri16_le", "core:sample_rate": 1, "core:author": 1}})",
                "global.core:author"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, SigmfMetaBad,
    ::testing::Values(
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": {}})", "captures"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [1]})", "captures[0]"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{}]})", "captures[0].core:sample_start"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{"core:sample_start": -1}]})",
                "captures[0].core:sample_start"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{"core:sample_start": 0, "core:frequency": "1"}]})",
                "captures[0].core:frequency"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{"core:sample_start": 0, "core:datetime": "today"}]})",
                "captures[0].core:datetime"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{"core:sample_start": 0, "core:header_bytes": 4}]})",
                "captures[0].core:header_bytes"},
        BadMeta{"{" GOOD_GLOBAL R"(, "captures": [{"core:sample_start": 5}, {"core:sample_start": 5}]})",
                "captures[1].core:sample_start"},
        BadMeta{"{" GOOD_GLOBAL R"(, "annotations": 3})", "annotations"},
        BadMeta{"{" GOOD_GLOBAL R"(, "annotations": [{"core:sample_start": 1.5}]})",
                "annotations[0].core:sample_start"},
        BadMeta{"{" GOOD_GLOBAL R"(, "annotations": [{"core:sample_start": 1, "core:label": 2}]})",
                "annotations[0].core:label"}));

TEST(SigmfMeta, DeepNestingIsRefusedNotRecursedInto) {
  const std::string deep(1'000'000, '[');
  const auto meta = parse_sigmf_meta(deep, "deep.sigmf-meta");
  ASSERT_FALSE(meta);
  EXPECT_NE(meta.error().find("64 levels"), std::string::npos);
}

TEST(SigmfMeta, FieldsThatAreNotJsonAreNotWritten) {
  SigmfMeta meta;
  meta.sample_rate_hz = 1;
  meta.ngplc = {{"profile", "cenelec-a"}};  // lacks its quotes
  ASSERT_FALSE(format_sigmf_meta(meta));
  EXPECT_NE(format_sigmf_meta(meta).error().find("ngplc:profile"), std::string::npos);
  meta.ngplc = {{"", "1"}};
  EXPECT_FALSE(format_sigmf_meta(meta));
  meta.ngplc.clear();
  meta.sample_rate_hz = 0;
  EXPECT_FALSE(format_sigmf_meta(meta));
}

TEST(SigmfMeta, AnyNameLeadsToBothFiles) {
  for (const char* name : {"a/b", "a/b.sigmf-meta", "a/b.sigmf-data"}) {
    EXPECT_EQ(sigmf_paths(name).meta, "a/b.sigmf-meta");
    EXPECT_EQ(sigmf_paths(name).data, "a/b.sigmf-data");
  }
}

class SigmfList : public TempFolderTest {};

TEST_F(SigmfList, FolderIsListedInOrder) {
  EXPECT_FALSE(list_sigmf(folder_.string()));
  put("b.sigmf-meta", "");
  put("a.sigmf-meta", "");
  put("a.sigmf-data", "");
  const auto found = list_sigmf(folder_.string());
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(*found, (std::vector<std::string>{path("a.sigmf-meta"), path("b.sigmf-meta")}));
  EXPECT_EQ(*list_sigmf(path("a")), (std::vector<std::string>{path("a.sigmf-meta")}));
  const auto missing = list_sigmf(path("c"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("c.sigmf-meta"), std::string::npos);
}

}  // namespace
}  // namespace ngdsp
