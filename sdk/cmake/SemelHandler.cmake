# semel_add_handler(NAME SOURCE...): builds NAME.so, a handler plugin that exports semel_handler and nothing else.
#
# The version script is needed because C++ exports weak std:: symbols whatever -fvisibility says.
set(SEMEL_HANDLER_MAP "${CMAKE_CURRENT_LIST_DIR}/handler.map")

function(semel_add_handler name)
	add_library(${name} MODULE ${ARGN})
	set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME "${name}" C_VISIBILITY_PRESET hidden
		CXX_VISIBILITY_PRESET hidden LINK_DEPENDS "${SEMEL_HANDLER_MAP}")
	target_link_options(${name} PRIVATE "-Wl,--version-script=${SEMEL_HANDLER_MAP}")
	if(TARGET semel_sdk)
		# in Semel's own tree: all of them in one folder, as plugin_path wants it
		set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
		target_link_libraries(${name} PRIVATE semel_sdk)
	endif()
endfunction()
