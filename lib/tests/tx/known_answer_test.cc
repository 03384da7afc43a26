// The known answers of docs/waveform.md from payload to chips. They were made by a separate implementation
// written from that page alone; a changed value is a changed air interface.
#include <gtest/gtest.h>

#include <numeric>

#include "bits.h"
#include "ngdsp/fec/crc.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {
namespace {

struct Known {
  std::size_t class_index;
  std::uint32_t crc;
  std::vector<int> first, last;  // information positions
  std::string mask_sha;          // of N bits, 1 at every information position
  std::string code_head, code_sha, symbol_head, symbol_sha;
  std::string cenelec_a, srd868;  // sha256 of all chip bits of the frame on the first sequence of the class
  std::string cenelec_a_preamble, srd868_preamble;  // its first 32 chips
};

const std::vector<Known>& known() {
  static const std::vector<Known> list = {
      {0,
       0x1fa032,
       {1007, 1015, 1019, 1021, 1022, 1023, 1471, 1503, 1519, 1526, 1527, 1529, 1530, 1531, 1532, 1533},
       {2032, 2033, 2034, 2035, 2036, 2037, 2038, 2039, 2040, 2041, 2042, 2043, 2044, 2045, 2046, 2047},
       "089ca2706956fd63d8e3db50c3ec0bbf95129c7f00c49ec2286c064ed9966e77",
       "be5e8e78fecd12ff19b740856210faa375f7692463590c8ca44e4b7826c75656",
       "13baffe7b4d182434222fb2e5db24fc9b98d46cfc20c948845392c8d95726b46",
       "b62cc4e91cd2facc",
       "42bd444c7e833176957948449c9c66b5cdee212e8b7bedd195e1adb9428fb562",
       "038a4723187d5dddb64fb2e2289b4462c948e179c160a7629498966898addeec",
       "1245f7b0a9795708d006db64855f76f227c161a763c5f6ff373bd19ec8dab60c",
       "671f1e7a03f38765",
       "b87ce685cd9bdd67"},
      {1,
       0xa2f1e7,
       {2015, 2031, 2038, 2039, 2041, 2042, 2043, 2044, 2045, 2046, 2047, 2943, 3007, 3038, 3039, 3051},
       {4080, 4081, 4082, 4083, 4084, 4085, 4086, 4087, 4088, 4089, 4090, 4091, 4092, 4093, 4094, 4095},
       "ce58e88a65d2562d6cf7ae3734d3216c2255705477fc26cf45be600862191509",
       "a44ffb1db3eaf75e61afb80eacad44ceafa5cddb51261397c616229b1dcdf3ab",
       "a22de52eec6f02ba3b72a4ad4993fddea73f9b7ad5939f274740254f7ce0a3a0",
       "ea5d40d4ea5309d8",
       "3122d469d1f26a511c240d559e2e4a986a64789e53b31f65cd6db0ef3ebb9974",
       "b7c93cf1362cccc01b3300569a0466357caaafc7e18cc8d2868fa542b9f09e67",
       "89ffecf24987de031a80e1b2d7a51adbc72811b8d66f2dbd845483b5dfe05774",
       "bcb18535e1d675ed",
       "b344d01f411670ed"},
      {2,
       0xaf643b,
       {3967, 4031, 4062, 4063, 4075, 4077, 4078, 4079, 4083, 4085, 4086, 4087, 4089, 4090, 4091, 4092},
       {8176, 8177, 8178, 8179, 8180, 8181, 8182, 8183, 8184, 8185, 8186, 8187, 8188, 8189, 8190, 8191},
       "a1ceba9e5596f9bcae3580b91ecc4cad9367630aa9adf7deecb6b6ffa43b3586",
       "2dec24edaeed1d7a3aec84377a7727a78b09cb6c0d524b913b34d47bec741179",
       "9a8e852b1199efa4bba678b6ac231daad83d753b818cbe65f65cb981500c78a1",
       "09a7a907a11c4aa4",
       "f17794540333cbb17c34b7add22e84fbf880d4a26dee0999be40d2fbc1ffae40",
       "1791cd0d4e916195e4a0ffc57e645dd1fce4a818492d0f35950541285d3e926a",
       "7a1aff4c9b027812e4ce5e1918e2d15e623453ce606ee26ead0f4ad409ab4540",
       "bf8b36c601a46ef7",
       "a6b49a370d222c49"},
  };
  return list;
}

// The payload of all answers: bytes 0, 1, 2 ...
std::vector<std::uint8_t> counting(const PayloadClass& c) {
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(c.payload_bytes));
  std::iota(payload.begin(), payload.end(), std::uint8_t{0});
  return payload;
}

TEST(KnownAnswers, CrcOfTheCatalogue) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc24(std::vector<std::uint8_t>(digits.begin(), digits.end())), 0x21CF02U);
}

TEST(KnownAnswers, InformationPositions) {
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    const std::vector<int> positions = frame_code(c).info_positions();
    ASSERT_EQ(positions.size(), static_cast<std::size_t>(8 * c.payload_bytes + 24));
    EXPECT_EQ(std::vector<int>(positions.begin(), positions.begin() + 16), k.first);
    EXPECT_EQ(std::vector<int>(positions.end() - 16, positions.end()), k.last);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(c.code_bits));
    for (const int p : positions) mask[static_cast<std::size_t>(p)] = 1;
    EXPECT_EQ(sha256(pack_bits(mask)), k.mask_sha);
  }
}

TEST(KnownAnswers, CodeWords) {
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    const std::vector<std::uint8_t> payload = counting(c);
    EXPECT_EQ(crc24(payload), k.crc);
    std::vector<std::uint8_t> info, code(static_cast<std::size_t>(c.code_bits));
    for (const std::uint8_t byte : payload)
      for (int b = 7; b >= 0; --b) info.push_back((byte >> b) & 1);
    for (int b = 23; b >= 0; --b) info.push_back((k.crc >> b) & 1);
    frame_code(c).encode(info, code);
    const std::vector<std::uint8_t> bytes = pack_bits(code);
    EXPECT_EQ(hex(bytes.data(), 32), k.code_head);
    EXPECT_EQ(sha256(bytes), k.code_sha);
  }
}

TEST(KnownAnswers, Symbols) {
  const FrameEncoder encoder{Profile{}};
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    std::vector<float> symbols;
    encoder.encode_symbols(counting(c), Profile{}.first_sequence(c.payload_bytes), symbols);
    std::vector<std::uint8_t> bits;
    for (const float s : symbols) bits.push_back(s < 0);
    const std::vector<std::uint8_t> bytes = pack_bits(bits);
    EXPECT_EQ(hex(bytes.data(), 8), k.symbol_head);
    EXPECT_EQ(sha256(bytes), k.symbol_sha);
  }
}

TEST(KnownAnswers, WholeFrames) {
  for (const char* name : {"cenelec-a", "srd868"}) {
    const FrameEncoder encoder(*find_profile(name));
    for (const Known& k : known()) {
      const PayloadClass c = encoder.profile().classes[k.class_index];
      const int q = encoder.profile().first_sequence(c.payload_bytes);
      const std::vector<cf32> chips = encoder.encode(counting(c), q);
      EXPECT_EQ(sha256(pack_bits(chip_bits(chips))), encoder.profile().real ? k.cenelec_a : k.srd868)
          << name << ' ' << k.class_index;
      const auto start = static_cast<std::size_t>(encoder.profile().preamble_start(c));
      const std::vector<std::uint8_t> preamble =
          pack_bits(chip_bits(Span<const cf32>(chips).subspan(start, 32)));
      EXPECT_EQ(hex(preamble.data(), preamble.size()),
                encoder.profile().real ? k.cenelec_a_preamble : k.srd868_preamble)
          << name << ' ' << k.class_index;
    }
  }
}

}  // namespace
}  // namespace ngdsp
