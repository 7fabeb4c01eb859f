# What a plugin needs of a host, read from the plugin: SEMEL_NM and SEMEL_OBJDUMP name the programs.
#
#   cmake -D KIND=deb|rpm -D FILE=PLUGIN.so [-D SEMEL_NM=nm -D SEMEL_OBJDUMP=objdump] -P SemelAbi.cmake
#
# prints it as that kind of package writes it.

# "MAJOR;MINOR" of the semel_handler in a file: its bytes 8 to 11.
function(semel_abi_of file ret)
	execute_process(COMMAND "${SEMEL_NM}" -D --defined-only "${file}" OUTPUT_VARIABLE symbols)
	if(NOT symbols MATCHES "([0-9a-f]+) [A-Z] semel_handler\n")
		message(FATAL_ERROR "${file} exports no semel_handler: build it with semel_add_handler()")
	endif()
	math(EXPR first "0x${CMAKE_MATCH_1} + 8")
	math(EXPR end "${first} + 4")
	execute_process(COMMAND "${SEMEL_OBJDUMP}" -s --start-address=${first} --stop-address=${end} "${file}"
		OUTPUT_VARIABLE dump)
	if(NOT dump MATCHES "\n *[0-9a-f]+ ([0-9a-f][0-9a-f])([0-9a-f][0-9a-f])([0-9a-f][0-9a-f])([0-9a-f][0-9a-f]) ")
		message(FATAL_ERROR "${file}: the ABI of its semel_handler cannot be read")
	endif()
	math(EXPR major "0x${CMAKE_MATCH_2}${CMAKE_MATCH_1}")
	math(EXPR minor "0x${CMAKE_MATCH_4}${CMAKE_MATCH_3}")
	set(${ret} ${major} ${minor} PARENT_SCOPE)
endfunction()

function(semel_abi_needs kind file ret)
	semel_abi_of("${file}" abi)
	list(GET abi 0 major)
	list(GET abi 1 minor)
	math(EXPR next "${major} + 1")
	set(deb "semel-abi-${major} (>= ${major}.${minor})")
	set(rpm "(semel-abi >= ${major}.${minor} with semel-abi < ${next})")
	set(${ret} "${${kind}}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
	if(NOT KIND MATCHES "^(deb|rpm)$" OR NOT EXISTS "${FILE}")
		message(FATAL_ERROR "SemelAbi: KIND is deb or rpm, FILE a plugin; got '${KIND}' and '${FILE}'")
	endif()
	foreach(tool nm objdump)
		string(TOUPPER "SEMEL_${tool}" name)
		if(NOT ${name})
			set(${name} ${tool})
		endif()
	endforeach()
	semel_abi_needs(${KIND} "${FILE}" text)
	execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${text}")
endif()
