// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Test} from "forge-std/Test.sol";
import {ProviderPrices} from "../src/interfaces/ProviderTypes.sol";
import {Billing} from "../src/libraries/Billing.sol";
import {Blob} from "../src/libraries/Blob.sol";
import {HexHash} from "../src/libraries/HexHash.sol";
import {Text} from "../src/libraries/Text.sol";

contract LibrariesTest is Test {
    function testFuzz_a_hash_survives_its_spelling(bytes32 hash) public pure {
        assertEq(HexHash.parse(HexHash.spell(hash)), hash);
    }

    function testFuzz_a_hash_is_spelled_as_everybody_spells_it(bytes32 hash) public pure {
        assertEq(string.concat("0x", HexHash.spell(hash)), Strings.toHexString(uint256(hash), 32));
    }

    function testFuzz_a_text_with_one_other_character_is_no_hash(bytes32 hash, uint8 position, bytes1 other)
        public
        pure
    {
        vm.assume(!((other >= "0" && other <= "9") || (other >= "a" && other <= "f")));
        bytes memory text = bytes(HexHash.spell(hash));
        text[position % 64] = other;
        assertEq(HexHash.parse(string(text)), 0);
    }

    function test_a_hash_is_spelled_with_sixteen_characters_of_all() public pure {
        bytes memory digits = "0123456789abcdef";
        for (uint256 other = 0; other < 256; ++other) {
            bytes memory text = bytes(HexHash.spell(bytes32(type(uint256).max)));
            (text[0], text[63]) = (bytes1(uint8(other)), bytes1(uint8(other)));
            uint256 value = 0;
            while (value < 16 && uint8(digits[value]) != other) ++value;
            uint256 expected = value == 16 ? 0 : type(uint256).max >> 4 & ~uint256(15) | value << 252 | value;
            assertEq(uint256(HexHash.parse(string(text))), expected);
        }
    }

    function test_a_text_of_another_length_is_no_hash() public pure {
        assertEq(HexHash.parse("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0"), 0);
        assertEq(HexHash.parse("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a080"), 0);
        assertEq(HexHash.parse(""), 0);
    }

    function testFuzz_a_blob_reads_back(bytes memory data) public {
        assertEq(Blob.read(Blob.write(data)), data);
    }

    function test_the_largest_blob_reads_back_and_one_byte_more_is_refused() public {
        bytes memory largest = new bytes(Blob.MAX_SIZE);
        largest[Blob.MAX_SIZE - 1] = 0x01;
        assertEq(Blob.read(Blob.write(largest)), largest);
        vm.expectRevert(abi.encodeWithSelector(Blob.BlobTooLarge.selector, 24_576, 24_575));
        this.writeBlob(new bytes(24_576));
    }

    function test_a_blob_for_which_there_is_too_little_gas_is_refused() public {
        bytes memory largest = new bytes(24_575);
        vm.expectRevert(abi.encodeWithSelector(Blob.BlobNotWritten.selector, 24_575));
        this.writeBlob{gas: 4_000_000}(largest);
    }

    function writeBlob(bytes memory data) external {
        Blob.write(data);
    }

    function test_a_short_text_is_kept_and_a_long_one_cut() public pure {
        assertEq(Text.cut("short"), "short");
        string memory exact = string(filled(1024));
        assertEq(Text.cut(exact), exact);
        assertEq(bytes(Text.cut(string(filled(1025)))).length, 1024);
    }

    function test_what_is_no_character_is_cut_by_three_bytes_at_most() public pure {
        bytes memory text = new bytes(2 * Text.MAX_BYTES);
        for (uint256 i = 0; i < text.length; ++i) {
            text[i] = 0x80;
        }
        assertEq(bytes(Text.cut(string(text))).length, Text.MAX_BYTES - 3);
    }

    function testFuzz_a_cut_never_splits_a_character(uint8 offset) public pure {
        // A character of four bytes across the border.
        uint256 begin = Text.MAX_BYTES - bound(offset, 0, 4);
        bytes memory text = filled(Text.MAX_BYTES + 8);
        (text[begin], text[begin + 1], text[begin + 2], text[begin + 3]) = (0xf0, 0x9f, 0x9a, 0x80);
        uint256 length = bytes(Text.cut(string(text))).length;
        assertTrue(length <= begin || length >= begin + 4);
        assertGe(length, Text.MAX_BYTES - 3);
    }

    function test_the_price_of_the_published_vector() public pure {
        assertEq(Billing.pricePerMin(17, 3, 5, 2, ProviderPrices(7, 11, 13)), 3890);
    }

    function test_the_largest_job_at_the_largest_prices_has_an_exact_price() public pure {
        uint256 most = type(uint24).max;
        uint256 dear = type(uint80).max;
        uint256 price = Billing.pricePerMin(most, most, most, most, ProviderPrices(dear, dear, dear));
        assertEq(price, most * most * (dear + most * dear) + most * dear);
    }

    function testFuzz_the_cost_is_the_ceiling_of_price_times_time(uint96 locked, uint96 price, uint40 duration)
        public
        pure
    {
        uint256 cost = Billing.cost(locked, price, duration);
        assertLe(cost, locked);
        if (cost < locked) {
            assertGe(cost * 60, uint256(price) * duration);
            if (cost > 0) assertLt((cost - 1) * 60, uint256(price) * duration);
        }
    }

    function test_the_least_part_of_a_wei_costs_a_wei() public pure {
        assertEq(Billing.cost(10, 1, 60), 1);
        assertEq(Billing.cost(10, 1, 61), 2);
    }

    function testFuzz_the_paid_time_never_costs_more_than_is_locked(uint96 locked, uint96 price) public pure {
        vm.assume(price != 0);
        uint256 duration = Billing.maxDuration(locked, price);
        assertLe(duration * price, uint256(locked) * 60);
        assertGt((duration + 1) * price, uint256(locked) * 60);
    }

    function testFuzz_without_a_price_the_time_has_no_bound(uint96 locked) public pure {
        assertEq(Billing.maxDuration(locked, 0), type(uint256).max);
    }

    function filled(uint256 size) private pure returns (bytes memory text) {
        text = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            text[i] = "x";
        }
    }
}
